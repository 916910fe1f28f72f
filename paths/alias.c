/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stable names: RUN/guests/<name> -> ../instances/<id>. Moved only once the old process is gone, in one
 * rename.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "paths/decimal.h"
#include "paths/error.h"
#include "paths/fd.h"
#include "paths/folder.h"
#include "paths/instance.h"
#include "paths/temporary.h"

#define TARGET_PREFIX "../instances/"

bool
paths_alias_set(const PathsDirs *dirs, const char *name, guint64 domain_id, GError **error)
{
    if (!paths_name_is_valid(name, error))
        return false;
    PATHS_AUTOFD int fd = paths_folder_open(dirs->guests, error);
    if (fd < 0)
        return false;
    g_autofree char *target = g_strdup_printf(TARGET_PREFIX "%" PRIu64, domain_id);
    g_autofree char *temporary = paths_temporary_name(name);
    if (symlinkat(target, fd, temporary) < 0 || renameat(fd, temporary, fd, name) < 0) {
        paths_set_errno(error, errno, "Cannot set the alias %s/%s", dirs->guests, name);
        unlinkat(fd, temporary, 0);
        return false;
    }
    return true;
}

bool
paths_alias_remove(const PathsDirs *dirs, const char *name, GError **error)
{
    if (!paths_name_is_valid(name, error))
        return false;
    g_autoptr(GError) local = NULL;
    PATHS_AUTOFD int fd = paths_folder_open(dirs->guests, &local);
    if (fd < 0 && g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING))
        return true;
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (unlinkat(fd, name, 0) < 0 && errno != ENOENT) {
        paths_set_errno(error, errno, "Cannot remove the alias %s/%s", dirs->guests, name);
        return false;
    }
    return true;
}

bool
paths_alias_get(const PathsDirs *dirs, const char *name, guint64 *ret_domain_id)
{
    if (!paths_name_is_valid(name, NULL))
        return false;
    g_autofree char *path = g_build_filename(dirs->guests, name, NULL);
    char target[64];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    return g_str_has_prefix(target, TARGET_PREFIX) &&
           paths_decimal_parse(target + strlen(TARGET_PREFIX), G_MAXINT64, ret_domain_id);
}
