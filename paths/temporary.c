/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/temporary.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "paths/error.h"
#include "paths/fd.h"
#include "paths/folder.h"

char *
paths_temporary_name(const char *name)
{
    static atomic_uint counter;
    return g_strdup_printf(".%s.%d-%u.tmp", name, (int)getpid(), atomic_fetch_add(&counter, 1));
}

bool
paths_temporary_sweep(const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    PATHS_AUTOFD int fd = paths_folder_open(path, &local);
    if (fd < 0 && g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING))
        return true;
    g_autoptr(GDir) folder = fd < 0 ? NULL : g_dir_open(path, 0, &local);
    if (!folder) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    for (const char *name; (name = g_dir_read_name(folder));) {
        if (name[0] != '.' || !g_str_has_suffix(name, ".tmp"))
            continue;
        if (unlinkat(fd, name, 0) < 0 && errno != ENOENT) {
            paths_set_errno(error, errno, "Cannot remove %s/%s", path, name);
            return false;
        }
    }
    return true;
}
