/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "paths/error.h"
#include "paths/fd.h"
#include "paths/folder.h"

#define BACKLOG 16

static bool
fill_address(struct sockaddr_un *address, int folder_fd, const char *name)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        g_snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", folder_fd, name);
    return length < (int)sizeof(address->sun_path);
}

/* On Linux the file gets the mode of the socket's own inode, less the umask: at no moment more than MODE. */
static bool
bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
    return fchmod(fd, mode) == 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

/* The folder is ours, so the name is still the socket. The mode again, for what the umask has taken away. */
static bool
give_and_listen(int fd, int folder_fd, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
    return fchmodat(folder_fd, name, mode, 0) == 0 &&
           fchownat(folder_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 && listen(fd, BACKLOG) == 0;
}

int
paths_socket_listen_at(int folder_fd, const char *name, mode_t mode, uid_t uid, gid_t gid, const char *path,
                       GError **error)
{
    struct sockaddr_un address;
    if (!fill_address(&address, folder_fd, name)) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "The name of the socket %s is too long", path);
        return -1;
    }
    PATHS_AUTOFD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_with_mode(fd, &address, mode)) {
        paths_set_errno(error, errno, "Cannot create the socket %s", path);
        return -1;
    }
    if (!give_and_listen(fd, folder_fd, name, mode, uid, gid)) {
        paths_set_errno(error, errno, "Cannot listen on the socket %s", path);
        unlinkat(folder_fd, name, 0);
        return -1;
    }
    return paths_fd_steal(&fd);
}

int
paths_socket_listen(const char *path, mode_t mode, uid_t uid, gid_t gid, GError **error)
{
    const char *name;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(path, &name, error);
    return folder_fd < 0 ? -1 : paths_socket_listen_at(folder_fd, name, mode, uid, gid, path, error);
}
