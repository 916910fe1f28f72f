/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qmp/stream.h"

/* connect(2), at an address that fits. Returns 0 or an errno. */
static int
socket_connect_short(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
}

/* A path longer than an address (108 bytes) is opened, and the link to it in /proc is the address. */
static int
socket_connect_long(int fd, const char *path)
{
    char link[sizeof("/proc/self/fd/") + 16];
    int file = open(path, O_PATH | O_CLOEXEC);

    if (file < 0)
        return errno;
    g_snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    int result = socket_connect_short(fd, link);
    close(file);
    return result;
}

int
qmp_socket_connect(const char *path, GError **error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result = errno;

    if (fd >= 0)
        result = strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path)
                     ? socket_connect_short(fd, path)
                     : socket_connect_long(fd, path);
    if (result == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    g_set_error(error, QMP_STREAM_ERROR, result == EAGAIN ? QMP_STREAM_ERROR_FULL : QMP_STREAM_ERROR_CLOSED,
                "cannot connect to '%s': %s", path, g_strerror(result));
    return -1;
}
