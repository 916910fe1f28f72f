/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "paths/error.h"
#include "paths/fd.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* A group may write when it is our own: with one group a user, umask 002 is a common default. */
static bool
others_may_write(const struct stat *info)
{
    if (info->st_mode & S_IWOTH)
        return true;
    return (info->st_mode & S_IWGRP) && info->st_gid != getegid();
}

static bool
check_owner(const struct stat *info, bool sticky_is_fine, const char *path, GError **error)
{
    if (info->st_uid != geteuid() && info->st_uid != 0) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE, "%s belongs to user %u", path, info->st_uid);
        return false;
    }
    if (others_may_write(info) && !(sticky_is_fine && (info->st_mode & S_ISVTX))) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE, "%s is writable for others (mode %04o)", path,
                    (unsigned)(info->st_mode & 07777));
        return false;
    }
    return true;
}

bool
paths_folder_check_owner(const struct stat *info, const char *path, GError **error)
{
    return check_owner(info, false, path, error);
}

/* Takes FD; gives it back when it is safe. */
static int
checked_folder(int fd, bool sticky_is_fine, const char *path, GError **error)
{
    PATHS_AUTOFD int owned = fd;
    struct stat info;
    if (owned < 0 || fstat(owned, &info) < 0) {
        paths_set_errno(error, errno, "Cannot open the folder %s", path);
        return -1;
    }
    if (!check_owner(&info, sticky_is_fine, path, error))
        return -1;
    return paths_fd_steal(&owned);
}

int
paths_folder_open_at(int parent_fd, const char *name, const char *path, GError **error)
{
    return checked_folder(openat(parent_fd, name, FOLDER_FLAGS | O_NOFOLLOW), false, path, error);
}

int
paths_folder_open(const char *path, GError **error)
{
    return paths_folder_open_at(AT_FDCWD, path, path, error);
}

int
paths_folder_open_parent(const char *path, const char **ret_name, GError **error)
{
    const char *slash = strrchr(path, '/');
    if (path[0] != '/' || slash[1] == '\0' || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "'%s' is not the absolute path of a file", path);
        return -1;
    }
    g_autofree char *parent = slash == path ? g_strdup("/") : g_strndup(path, (gsize)(slash - path));
    int fd = checked_folder(open(parent, FOLDER_FLAGS), true, parent, error);
    if (fd >= 0)
        *ret_name = slash + 1;
    return fd;
}

bool
paths_folder_create(const char *path, mode_t mode, mode_t parent_mode, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    if (g_mkdir_with_parents(parent, (int)parent_mode) < 0) {
        paths_set_errno(error, errno, "Cannot create the folder %s", parent);
        return false;
    }
    bool created = mkdir(path, mode) == 0;
    if (!created && errno != EEXIST) {
        paths_set_errno(error, errno, "Cannot create the folder %s", path);
        return false;
    }
    PATHS_AUTOFD int fd = paths_folder_open(path, error);
    if (fd < 0)
        return false;
    if (created && fchmod(fd, mode) < 0) { /* whatever the umask */
        paths_set_errno(error, errno, "Cannot set the mode of %s", path);
        return false;
    }
    return true;
}

int
paths_folder_create_at(int parent_fd, const char *name, mode_t mode, uid_t uid, gid_t gid, const char *path,
                       GError **error)
{
    if (mkdirat(parent_fd, name, 0700) < 0) {
        paths_set_errno(error, errno, "Cannot create the folder %s", path);
        return -1;
    }
    PATHS_AUTOFD int fd = paths_folder_open_at(parent_fd, name, path, error);
    if (fd >= 0) {
        /* Mode first: once it is another user's, an engine without CAP_FOWNER may not change it. */
        if (fchmod(fd, mode) == 0 && fchown(fd, uid, gid) == 0)
            return paths_fd_steal(&fd);
        paths_set_errno(error, errno, "Cannot give the folder %s to user %u, group %u", path, uid, gid);
    }
    unlinkat(parent_fd, name, AT_REMOVEDIR);
    return -1;
}
