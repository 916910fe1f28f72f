/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The socket is bound and made to listen under another name and then renamed: there is no moment at which a
 * client finds a path that refuses it, and a stale socket needs no removal of its own.
 */
#include "control/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PASSED_FD 3
#define BACKLOG 128

static bool
set_errno_error(GError **error, int error_number, const char *what)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(error_number), "%s: %s", what,
                g_strerror(error_number));
    return false;
}

static bool
set_activation_error(GError **error, const char *what)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "socket activation: %s", what);
    return false;
}

static bool
get_int_option(int fd, int option, int expected)
{
    int value = 0;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 && value == expected;
}

static bool
check_is_listening(int fd, GError **error)
{
    if (!get_int_option(fd, SO_DOMAIN, AF_UNIX) || !get_int_option(fd, SO_TYPE, SOCK_STREAM) ||
        !get_int_option(fd, SO_ACCEPTCONN, 1))
        return set_activation_error(error, "the descriptor passed is no listening UNIX stream socket");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return set_errno_error(error, errno, "socket activation");
    return true;
}

bool
control_listen_activated(int *ret_fd, GError **error)
{
    g_autofree char *pid = g_strdup(g_getenv("LISTEN_PID"));
    g_autofree char *count = g_strdup(g_getenv("LISTEN_FDS"));
    guint64 value;

    g_unsetenv("LISTEN_PID");
    g_unsetenv("LISTEN_FDS");
    g_unsetenv("LISTEN_FDNAMES");
    /* Without LISTEN_PID, or with another's, the variables are left-overs of some parent. */
    if (!pid || !count || !g_ascii_string_to_unsigned(pid, 10, 1, G_MAXINT, &value, NULL) ||
        (pid_t)value != getpid()) {
        *ret_fd = -1;
        return true;
    }
    if (!g_ascii_string_to_unsigned(count, 10, 1, 1, &value, NULL))
        return set_activation_error(error, "exactly one socket must be passed");
    if (!check_is_listening(FIRST_PASSED_FD, error))
        return false;
    *ret_fd = FIRST_PASSED_FD;
    return true;
}

/* By way of /proc/self/fd: the folder's own path may be longer than an address has room for. */
static bool
bind_at(int fd, int dirfd, const char *name, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dirfd, name);

    if (length < 0 || (size_t)length >= sizeof(address.sun_path))
        return set_errno_error(error, ENAMETOOLONG, "cannot bind the control socket");
    /* Linux gives the file the mode of the socket's own inode (less the umask): it is 0600 from birth. */
    if (fchmod(fd, 0600) < 0)
        return set_errno_error(error, errno, "cannot set the mode of the control socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return set_errno_error(error, errno, "cannot bind the control socket");
    return true;
}

static bool
listen_and_rename(int fd, int dirfd, const char *temporary, const char *name, GError **error)
{
    if (listen(fd, BACKLOG) < 0)
        return set_errno_error(error, errno, "cannot listen on the control socket");
    if (renameat(dirfd, temporary, dirfd, name) < 0)
        return set_errno_error(error, errno, "cannot put the control socket into place");
    return true;
}

int
control_listen_bind(int dirfd, const char *name, GError **error)
{
    g_autofree char *temporary = g_strdup_printf(".%s.new", name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        set_errno_error(error, errno, "cannot make the control socket");
        return -1;
    }
    /* Of an engine that died in between. */
    (void)unlinkat(dirfd, temporary, 0);
    if (bind_at(fd, dirfd, temporary, error)) {
        if (listen_and_rename(fd, dirfd, temporary, name, error))
            return fd;
        (void)unlinkat(dirfd, temporary, 0);
    }
    close(fd);
    return -1;
}

static char *
hidden_name(const char *name)
{
    return g_strdup_printf(".%s.hidden", name);
}

bool
control_listen_hide(int dirfd, const char *name)
{
    g_autofree char *hidden = hidden_name(name);

    return renameat(dirfd, name, dirfd, hidden) == 0;
}

bool
control_listen_unhide(int dirfd, const char *name)
{
    g_autofree char *hidden = hidden_name(name);

    return renameat(dirfd, hidden, dirfd, name) == 0;
}

void
control_listen_remove(int dirfd, const char *name)
{
    g_autofree char *hidden = hidden_name(name);

    (void)unlinkat(dirfd, name, 0);
    (void)unlinkat(dirfd, hidden, 0);
}
