/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

/* The socket PATH itself, held; what is at its name may be exchanged meanwhile. */
static int
open_socket(const char *path, struct stat *ret_status, GError **error)
{
    const char *name;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(path, &name, error);
    PATHS_AUTOFD int fd = folder_fd < 0 ? -1 : openat(folder_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (folder_fd < 0)
        return -1;
    if (fd < 0 || fstat(fd, ret_status) < 0) {
        paths_set_errno(error, errno, "Cannot open the socket %s", path);
        return -1;
    }
    if (!S_ISSOCK(ret_status->st_mode)) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE, "%s is no socket", path);
        return -1;
    }
    return paths_fd_steal(&fd);
}

bool
paths_socket_can_move(const char *path, GError **error)
{
    struct stat status;
    PATHS_AUTOFD int fd = open_socket(path, &status, error);
    return fd >= 0;
}

bool
paths_socket_move(const char *from, const char *to, GError **error)
{
    const char *name, *new_name = strrchr(to, '/') + 1;
    if (!paths_socket_can_move(from, error))
        return false;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(from, &name, error);
    if (folder_fd < 0)
        return false;
    if (renameat(folder_fd, name, folder_fd, new_name) < 0) {
        paths_set_errno(error, errno, "Cannot give %s the name %s", from, new_name);
        return false;
    }
    return true;
}

static bool
has_access_of(const struct stat *one, const struct stat *other)
{
    return one->st_mode == other->st_mode && one->st_uid == other->st_uid && one->st_gid == other->st_gid;
}

/* The owner first: a change of owner takes bits of the mode away. */
bool
paths_socket_copy_access(const char *from, const char *to, GError **error)
{
    struct stat wanted, status;
    char self[64];
    PATHS_AUTOFD int from_fd = open_socket(from, &wanted, error);
    PATHS_AUTOFD int fd = from_fd < 0 ? -1 : open_socket(to, &status, error);
    if (fd < 0)
        return false;
    g_snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (has_access_of(&wanted, &status) ||
        (fchownat(fd, "", wanted.st_uid, wanted.st_gid, AT_EMPTY_PATH) == 0 && chmod(self, wanted.st_mode & 07777) == 0))
        return true;
    paths_set_errno(error, errno, "Cannot give %s the access rights of %s", to, from);
    return false;
}
