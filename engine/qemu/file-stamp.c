/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/file-stamp.h"

#include <string.h>

#include "process/proc.h"

#define NS_PER_SECOND 1000000000LL

void
qemu_file_stamp_free(QemuFileStamp *stamp)
{
    if (!stamp)
        return;
    g_free(stamp->path);
    g_free(stamp);
}

static gint64
nanoseconds(const struct timespec *time)
{
    return (gint64)time->tv_sec * NS_PER_SECOND + time->tv_nsec;
}

QemuFileStamp *
qemu_file_stamp_new(const char *path, const struct stat *info)
{
    QemuFileStamp *stamp = g_new0(QemuFileStamp, 1);

    stamp->path = g_strdup(path);
    stamp->device = info->st_dev;
    stamp->inode = info->st_ino;
    stamp->size_bytes = (guint64)info->st_size;
    stamp->mtime_ns = nanoseconds(&info->st_mtim);
    stamp->ctime_ns = nanoseconds(&info->st_ctim);
    return stamp;
}

GPtrArray *
qemu_file_stamps_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemu_file_stamp_free);
}

bool
qemu_file_stamp_equal(const QemuFileStamp *a, const QemuFileStamp *b)
{
    return strcmp(a->path, b->path) == 0 && a->device == b->device && a->inode == b->inode &&
           a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static bool
add(GPtrArray *stamps, const char *path)
{
    struct stat info;

    if (stat(path, &info) < 0)
        return false;
    g_ptr_array_add(stamps, qemu_file_stamp_new(path, &info));
    return true;
}

bool
qemu_file_stamps_hold(const GPtrArray *stamps)
{
    g_autoptr(GPtrArray) now = qemu_file_stamps_new();

    for (guint i = 0; i < stamps->len; i++) {
        const QemuFileStamp *stamp = g_ptr_array_index(stamps, i);

        if (!add(now, stamp->path) || !qemu_file_stamp_equal(stamp, g_ptr_array_index(now, i)))
            return false;
    }
    return true;
}

/* Code that is in no file: the vdso, memory a JIT shares with itself. */
static bool
is_file(const ProcessMapping *mapping)
{
    return mapping->path && mapping->path[0] == '/' && !g_str_has_prefix(mapping->path, "/memfd:") &&
           !g_str_has_prefix(mapping->path, "/dev/zero");
}

/* Set of paths, " (deleted)" kept. */
static GHashTable *
executed_paths(pid_t pid)
{
    g_autoptr(GPtrArray) mappings = process_proc_read_maps(pid, NULL);
    GHashTable *paths;

    if (!mappings)
        return NULL;
    paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < mappings->len; i++) {
        const ProcessMapping *mapping = g_ptr_array_index(mappings, i);

        if (mapping->permissions[2] == 'x' && is_file(mapping))
            g_hash_table_add(paths, g_strdup(mapping->path));
    }
    return paths;
}

static bool
is_subset(GHashTable *paths, GHashTable *of)
{
    GHashTableIter iter;
    gpointer path;

    g_hash_table_iter_init(&iter, paths);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        if (!g_hash_table_contains(of, path))
            return false;
    return true;
}

bool
qemu_file_stamps_add_executed(GPtrArray *stamps, pid_t pid)
{
    g_autoptr(GHashTable) before = executed_paths(pid), after = NULL;
    GHashTableIter iter;
    gpointer path;

    if (!before || g_hash_table_size(before) == 0)
        return false;
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        if (!add(stamps, path)) /* " (deleted)" names no file either */
            return false;
    /* A file that was replaced before its stamp was taken shows as "(deleted)" now. The inode of the mapping
     * is no help: overlayfs and btrfs show another device there than stat does. */
    after = executed_paths(pid);
    return after && is_subset(before, after);
}
