/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/hugetlbfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "paths/error.h"
#include "paths/fd.h"
#include "paths/folder.h"
#include "paths/tree.h"

/*
 * A line of mountinfo, proc(5): id, parent, device, root, mount point, options, optional fields..., "-",
 * type, source, options. The mount point has blanks and the like as octal escapes. Owned; NULL for other
 * types.
 */
static char *
mount_point_of_line(const char *line)
{
    const char *separator = strstr(line, " - ");
    if (!separator || !g_str_has_prefix(separator + 3, "hugetlbfs "))
        return NULL;
    g_auto(GStrv) fields = g_strsplit(line, " ", 6);
    return g_strv_length(fields) < 6 ? NULL : g_strcompress(fields[4]);
}

/* The page size is what statfs says, not the options: without pagesize= it is the kernel's default. */
static bool
has_page_size(const char *mount, guint64 page_size_bytes)
{
    struct statfs info;
    return statfs(mount, &info) == 0 && info.f_type == HUGETLBFS_MAGIC &&
           (guint64)info.f_bsize == page_size_bytes;
}

char *
paths_find_hugetlbfs(guint64 page_size_bytes, GError **error)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, error))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_autofree char *mount = mount_point_of_line(*line);
        if (mount && has_page_size(mount, page_size_bytes))
            return g_steal_pointer(&mount);
    }
    g_set_error(error, PATHS_ERROR, PATHS_ERROR_MISSING,
                "no hugetlbfs with pages of %" PRIu64 " KiB is mounted", page_size_bytes / 1024);
    return NULL;
}

char *
paths_hugetlbfs_dir(const char *mount, guint64 domain_id)
{
    return g_strdup_printf("%s/moult/%" PRIu64, mount, domain_id);
}

bool
paths_hugetlbfs_exists(const char *mount, guint64 domain_id)
{
    g_autofree char *dir = paths_hugetlbfs_dir(mount, domain_id);
    struct stat info;
    return lstat(dir, &info) == 0;
}

bool
paths_hugetlbfs_create(const char *mount, guint64 domain_id, uid_t uid, gid_t gid, GError **error)
{
    g_autofree char *base = g_build_filename(mount, "moult", NULL);
    g_autofree char *dir = paths_hugetlbfs_dir(mount, domain_id);
    if (!paths_folder_create(base, 0711, 0711, error))
        return false;
    const char *name;
    PATHS_AUTOFD int base_fd = paths_folder_open_parent(dir, &name, error);
    if (base_fd < 0)
        return false;
    bool own = uid == geteuid();
    PATHS_AUTOFD int fd = paths_folder_create_at(base_fd, name, own ? 0700 : 0710, geteuid(),
                                                 own ? getegid() : gid, dir, error);
    return fd >= 0;
}

int
paths_hugetlbfs_create_file(const char *path, guint64 size_bytes, uid_t uid, gid_t gid, GError **error)
{
    const char *name;
    PATHS_AUTOFD int dir_fd = paths_folder_open_parent(path, &name, error);
    if (dir_fd < 0)
        return -1;
    PATHS_AUTOFD int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        paths_set_errno(error, errno, "Cannot create %s", path);
        return -1;
    }
    if (size_bytes <= G_MAXINT64 && fchmod(fd, 0600) == 0 && ftruncate(fd, (off_t)size_bytes) == 0 &&
        fchown(fd, uid, gid) == 0)
        return paths_fd_steal(&fd);
    paths_set_errno(error, size_bytes > G_MAXINT64 ? EFBIG : errno,
                    "Cannot make %s a file of %" PRIu64 " bytes of user %u", path, size_bytes, uid);
    unlinkat(dir_fd, name, 0);
    return -1;
}

bool
paths_hugetlbfs_remove(const char *dir, GError **error)
{
    const char *name;
    g_autoptr(GError) local = NULL;
    PATHS_AUTOFD int base_fd = paths_folder_open_parent(dir, &name, &local);
    if (base_fd >= 0)
        return paths_tree_remove_at(base_fd, name, dir, error);
    if (g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING))
        return true;
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

bool
paths_link_file(const char *existing, const char *path, GError **error)
{
    const char *name;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(path, &name, error);
    if (folder_fd < 0)
        return false;
    PATHS_AUTOFD int file_fd = open(existing, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (file_fd < 0 || fstat(file_fd, &info) < 0) {
        paths_set_errno(error, errno, "Cannot open %s", existing);
        return false;
    }
    if (!S_ISREG(info.st_mode)) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE, "%s is not a regular file", existing);
        return false;
    }
    /* By descriptor, so that it is the file just looked at. AT_EMPTY_PATH would take CAP_DAC_READ_SEARCH. */
    g_autofree char *source = g_strdup_printf("/proc/self/fd/%d", file_fd);
    if (linkat(AT_FDCWD, source, folder_fd, name, AT_SYMLINK_FOLLOW) < 0) {
        paths_set_errno(error, errno, "Cannot link %s to %s", existing, path);
        return false;
    }
    return true;
}
