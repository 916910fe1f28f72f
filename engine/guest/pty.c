/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "process/fd.h"

#define PTMX_MAJOR 5 /* TTYAUX_MAJOR */
#define PTMX_MINOR 2
#define MAX_OPENED 4096 /* kernel.pty.max, as it comes */
#define ACCESS_BITS 07777

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

bool
guest_pty_is_master(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(PTMX_MAJOR, PTMX_MINOR);
}

/* O_PATH alone: the kernel's dentry_open() then opens no device. */
static int
get_peer(int master)
{
    return ioctl(master, TIOCGPTPEER, O_PATH | O_NOCTTY | O_CLOEXEC);
}

bool
guest_pty_look(int master, QemuTerminal *ret_terminal)
{
    unsigned number = 0;
    struct stat status;
    process_autofd peer = get_peer(master);

    if (peer < 0 || ioctl(master, TIOCGPTN, &number) < 0 || fstat(peer, &status) < 0)
        return false;
    *ret_terminal = (QemuTerminal){.number = number,
                                   .file_system = status.st_dev,
                                   .uid = status.st_uid,
                                   .gid = status.st_gid,
                                   .mode = status.st_mode & ACCESS_BITS};
    return true;
}

/* Nobody is to have more rights for a moment than before or after. */
static bool
give(int peer, const char *path, const QemuTerminal *now, const QemuTerminal *terminal)
{
    if (now->uid == terminal->uid && now->gid == terminal->gid)
        return true;
    if (chmod(path, now->mode & terminal->mode) < 0)
        return false;
    bool is_given = fchownat(peer, "", terminal->uid, terminal->gid, AT_EMPTY_PATH) == 0;
    int reason = errno;
    bool is_set = chmod(path, is_given ? terminal->mode : now->mode) == 0;
    if (!is_given)
        errno = reason;
    return is_given && is_set;
}

bool
guest_pty_set_access(int master, const QemuTerminal *terminal)
{
    QemuTerminal now = {0};
    process_autofd peer = get_peer(master);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", peer);

    if (peer < 0 || !guest_pty_look(master, &now))
        return false;
    return give(peer, path, &now, terminal) &&
           (now.mode == terminal->mode || chmod(path, terminal->mode) == 0);
}

int
guest_pty_find_ptmx(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/root/dev/ptmx", pid);
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || (fstat(fd, &status) == 0 && guest_pty_is_master(&status)))
        return fd;
    close(fd);
    return -1;
}

static void
close_fd(int *fd)
{
    close(*fd);
}

GArray *
guest_pty_fds_new(void)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));

    g_array_set_clear_func(fds, (GDestroyNotify)close_fd);
    return fds;
}

GuestPtyTurn
guest_pty_reach(int ptmx, const QemuTerminal *terminal, GArray *fds)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", ptmx);

    while (ptmx >= 0 && fds->len < MAX_OPENED) {
        QemuTerminal found = {0};
        int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        bool is_known = fd >= 0 && guest_pty_look(fd, &found) && found.file_system == terminal->file_system;
        if (is_known && found.number < terminal->number) {
            g_array_append_val(fds, fd);
            continue;
        }
        if (fd >= 0)
            close(fd);
        if (!is_known)
            break;
        return found.number == terminal->number ? GUEST_PTY_NEXT : GUEST_PTY_HELD;
    }
    return GUEST_PTY_FAILED;
}
