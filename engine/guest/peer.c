/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A listening socket that was handed to the target of an upgrade has that one's credentials from then on, for QEMU calls listen(2) on
 * what it is given, and keeps them when the target is dead (unix_listen() in the kernel sets them each time). Then it is looked up
 * who holds it: the kernel lists the listening sockets of a name with their inodes.
 */
#include "guest/peer.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "process/read.h"

#define MAX_LIST_BYTES (16 << 20)
#define LISTENS 0x10000u /* __SO_ACCEPTCON of include/uapi/linux/net.h */

static bool
holds(pid_t pid, guint64 inode)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid), *wanted = g_strdup_printf("socket:[%" G_GUINT64_FORMAT "]", inode);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *link = g_build_filename(path, name, NULL), *target = g_file_read_link(link, NULL);
        if (g_strcmp0(target, wanted) == 0)
            return true;
    }
    return false;
}

/* "0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/x.sock": of one that listens at PATH its inode; else 0. */
static guint64
read_listener(const char *line, const char *path)
{
    unsigned flags = 0;
    unsigned long inode = 0;
    int at = 0;

    if (sscanf(line, "%*x: %*x %*x %x %*x %*x %lu %n", &flags, &inode, &at) != 2 || at == 0 || !(flags & LISTENS))
        return 0;
    return strcmp(line + at, path) == 0 ? inode : 0;
}

/* INSTANCE has every one that listens at PATH, in its network namespace, and OTHER, which has called listen(2) last, has none. */
static bool
has_alone(const GuestInstance *instance, const char *path, pid_t other)
{
    g_autofree char *list = process_read_proc(instance->process.pid, "net/unix", MAX_LIST_BYTES, NULL, NULL);
    g_auto(GStrv) lines = list ? g_strsplit(list, "\n", -1) : NULL;
    guint n = 0;

    for (char **line = lines; line && *line; line++) {
        guint64 inode = read_listener(*line, path);
        if (inode == 0)
            continue;
        if (!holds(instance->process.pid, inode) || holds(other, inode))
            return false;
        n++;
    }
    return n > 0;
}

static bool
listens_there(const GuestInstance *instance, int fd, pid_t other)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address) - 1; /* there is a NUL behind it */

    return getpeername(fd, (struct sockaddr *)&address, &size) == 0 && address.sun_family == AF_UNIX && *address.sun_path != '\0' &&
           has_alone(instance, address.sun_path, other);
}

bool
guest_peer_is(const GuestInstance *instance, int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;

    if (fd < 0 || instance->pidfd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    return (peer.pid == instance->process.pid || listens_there(instance, fd, peer.pid)) && !process_has_exited(instance->pidfd);
}
