/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The domain id counter. STATE/next-id holds the next number, in decimal, and a newline. The number after it
 * is on disk before a number is given out, so a crash at any point skips numbers but never repeats one.
 * Nothing is guessed from a damaged file: the numbers of guests that are gone are known nowhere else.
 */
#include "paths/dirs.h"

#include <inttypes.h>
#include <string.h>

#include "paths/decimal.h"
#include "paths/fd.h"
#include "paths/file.h"
#include "paths/folder.h"
#include "paths/instance.h"
#include "paths/lock.h"

#define LOCK_TIMEOUT_MS 10000
#define MAX_DOMAIN_ID G_MAXINT64 /* the largest that JSON libraries agree on as an integer */

/* *RET_NEXT is 1 when the file does not exist yet. */
static bool
read_counter(const char *path, guint64 *ret_next, GError **error)
{
    g_autoptr(GError) local = NULL;
    size_t size;
    g_autofree char *text = paths_file_read(path, 64, &size, &local);
    if (!text && g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING)) {
        *ret_next = 1;
        return true;
    }
    if (!text && !g_error_matches(local, PATHS_ERROR, PATHS_ERROR_INVALID)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    char *newline = text && strlen(text) == size ? strchr(text, '\n') : NULL;
    if (newline && newline[1] == '\0') {
        *newline = '\0';
        if (paths_decimal_parse(text, MAX_DOMAIN_ID, ret_next))
            return true;
    }
    g_set_error(error, PATHS_ERROR, PATHS_ERROR_FAILED,
                "%s is damaged; write a number into it that is larger than any domain id used so far", path);
    return false;
}

static bool
write_counter(const char *path, guint64 next, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" PRIu64 "\n", next);
    return paths_file_replace(path, text, strlen(text), 0600, error);
}

/* At least one more than any id that has a folder now. A RUN that does not exist yet has none. */
static bool
raise_above_instances(const PathsDirs *dirs, guint64 *next, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GArray) ids = paths_instance_list(dirs, &local);
    if (!ids && !g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (ids && ids->len > 0)
        *next = MAX(*next, g_array_index(ids, guint64, ids->len - 1) + 1);
    return true;
}

bool
paths_next_domain_id(const PathsDirs *dirs, guint64 *ret_id, GError **error)
{
    g_autofree char *lock = g_build_filename(dirs->state, "next-id.lock", NULL);
    g_autofree char *path = g_build_filename(dirs->state, "next-id", NULL);
    guint64 next;

    /* Somebody may have removed it under us: a guest can be upgraded all the same, above the numbers that are in use. */
    if (!paths_folder_create(dirs->state, 0700, 0700, error))
        return false;
    PATHS_AUTOFD int lock_fd = paths_lock_acquire(lock, LOCK_TIMEOUT_MS, error);
    if (lock_fd < 0 || !read_counter(path, &next, error) || !raise_above_instances(dirs, &next, error))
        return false;
    if (next >= MAX_DOMAIN_ID) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_FAILED, "%s: there are no domain ids left", path);
        return false;
    }
    if (!write_counter(path, next + 1, error))
        return false;
    *ret_id = next;
    return true;
}
