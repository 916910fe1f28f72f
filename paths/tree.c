/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "paths/error.h"
#include "paths/fd.h"

#define MAX_DEPTH 8U
#define MAX_ENTRIES 65536U

typedef struct {
    const char *path; /* of the top, for messages */
    dev_t device;
    unsigned entries_left;
} Removal;

static bool remove_folder(Removal *removal, int parent_fd, const char *name, const struct stat *parent,
                          unsigned depth, GError **error);

static bool
may_enter(const struct stat *folder, const struct stat *parent)
{
    return folder->st_uid == parent->st_uid || parent->st_uid == geteuid();
}

static bool
remove_entry(Removal *removal, int folder_fd, const char *name, const struct stat *folder, unsigned depth,
             GError **error)
{
    if (removal->entries_left-- == 0) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE,
                    "%s holds more than %u entries: left for the operator", removal->path, MAX_ENTRIES);
        return false;
    }
    if (unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno == EISDIR)
        return remove_folder(removal, folder_fd, name, folder, depth + 1, error);
    paths_set_errno(error, errno, "Cannot remove an entry of %s", removal->path);
    return false;
}

static bool
is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* One pass; what a hostile owner adds behind its back makes the later rmdir fail, which is reported. */
static bool
remove_entries(Removal *removal, int folder_fd, const struct stat *folder, unsigned depth, GError **error)
{
    int copy = fcntl(folder_fd, F_DUPFD_CLOEXEC, 3); /* closedir takes it */
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) {
        paths_set_errno(error, errno, "Cannot read the folder %s", removal->path);
        if (copy >= 0)
            close(copy);
        return false;
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(stream));)
        ok = is_dot(entry->d_name) || remove_entry(removal, folder_fd, entry->d_name, folder, depth, error);
    closedir(stream);
    return ok;
}

static bool
check_folder(const Removal *removal, const struct stat *folder, const struct stat *parent, unsigned depth,
             GError **error)
{
    const char *problem = depth > MAX_DEPTH                   ? "is nested too deep"
                          : folder->st_dev != removal->device ? "holds another file system"
                          : !may_enter(folder, parent)        ? "holds a folder of somebody else"
                                                              : NULL;
    if (problem)
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE, "%s %s: left for the operator", removal->path,
                    problem);
    return !problem;
}

static bool
remove_folder(Removal *removal, int parent_fd, const char *name, const struct stat *parent, unsigned depth,
              GError **error)
{
    PATHS_AUTOFD int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat folder;
    if (fd < 0 || fstat(fd, &folder) < 0) {
        if (errno == ENOENT)
            return true;
        paths_set_errno(error, errno, "Cannot open a folder of %s", removal->path);
        return false;
    }
    if (!check_folder(removal, &folder, parent, depth, error) ||
        !remove_entries(removal, fd, &folder, depth, error))
        return false;
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        paths_set_errno(error, errno, "Cannot remove a folder of %s", removal->path);
        return false;
    }
    return true;
}

bool
paths_tree_remove_at(int parent_fd, const char *name, const char *path, GError **error)
{
    struct stat info;
    if (fstatat(parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return true;
        paths_set_errno(error, errno, "Cannot look at %s", path);
        return false;
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE,
                    "%s is not a folder of ours: left for the operator", path);
        return false;
    }
    Removal removal = {.path = path, .device = info.st_dev, .entries_left = MAX_ENTRIES};
    return remove_folder(&removal, parent_fd, name, &info, 0, error);
}
