/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dpkg and rpm replace files by renaming a new one over the old: the path then has another inode, and a process that
 * still maps the old one shows it as deleted in its list of mappings.
 */
#include "guest/outdated.h"

#include <string.h>
#include <sys/stat.h>

#include "process/proc.h"

#define DELETED_SUFFIX " (deleted)"

const char *
guest_outdated_to_string(GuestOutdated outdated)
{
    static const char *const names[] = {[GUEST_CURRENT] = "current",
                                        [GUEST_OUTDATED] = "outdated",
                                        [GUEST_LIBRARY_OUTDATED] = "library-outdated",
                                        [GUEST_OUTDATED_UNKNOWN] = "unknown"};
    return names[outdated];
}

static bool
is_same_file(const GuestBinary *binary, const struct stat *status)
{
    gint64 mtime_ns = (gint64)status->st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + status->st_mtim.tv_nsec;

    return status->st_dev == binary->device && status->st_ino == binary->inode &&
           (guint64)status->st_size == binary->size_bytes && mtime_ns == binary->mtime_ns;
}

/* Executable mappings of a file that is gone: a library, for the binary itself has been looked at. */
static bool
maps_deleted_library(const GPtrArray *maps)
{
    for (guint i = 0; i < maps->len; i++) {
        const ProcessMapping *mapping = g_ptr_array_index(maps, i);
        if (mapping->permissions[2] == 'x' && mapping->path && mapping->path[0] == '/' &&
            g_str_has_suffix(mapping->path, DELETED_SUFFIX) && !g_str_has_prefix(mapping->path, "/memfd:"))
            return true;
    }
    return false;
}

GuestOutdated
guest_outdated_get(const GuestInstance *instance)
{
    struct stat status;

    if (!instance->binary.path)
        return GUEST_OUTDATED_UNKNOWN;
    if (stat(instance->binary.path, &status) < 0 || !is_same_file(&instance->binary, &status))
        return GUEST_OUTDATED;
    g_autoptr(GPtrArray) maps = process_proc_read_maps(instance->process.pid, NULL);
    if (!maps)
        return GUEST_OUTDATED_UNKNOWN;
    return maps_deleted_library(maps) ? GUEST_LIBRARY_OUTDATED : GUEST_CURRENT;
}
