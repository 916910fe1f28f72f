/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documentation/admin-guide/cgroup-v2.rst and the like of version 1: what is charged must fit every group from the leaf to the
 * root. A group of version 2 may lack the controller while those above it have it; a directory without cgroup.procs is
 * no group any more, and ends the walk.
 */
#include "process/cgroup-least.h"

#include <string.h>
#include <unistd.h>

#include "process/cgroup.h"
#include "process/read.h"

#define MAX_BYTES 4096
#define MAX_DEPTH 64

bool
process_cgroup_read_number(const char *dir, const char *name, guint64 *ret_value)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *text = process_read_file(path, MAX_BYTES, NULL, NULL);

    if (!text)
        return false;
    g_strchomp(text);
    if (strcmp(text, "max") == 0)
        *ret_value = G_MAXUINT64;
    else if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, ret_value, NULL))
        return false;
    return true;
}

static bool
is_group(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "cgroup.procs", NULL);

    return access(path, F_OK) == 0;
}

bool
process_cgroup_dir_find_least(const char *dir, bool is_v2, ProcessCgroupRoomFunc get, guint64 *ret_least, char **ret_dir)
{
    g_autofree char *current = g_strdup(dir), *tightest = NULL;
    guint64 least = G_MAXUINT64;
    int depth = 0;

    for (; depth < MAX_DEPTH && is_group(current); depth++) {
        guint64 room = get(current, is_v2);
        if (room < least) {
            least = room;
            g_free(tightest);
            tightest = g_strdup(current);
        }
        char *parent = g_path_get_dirname(current);
        g_free(current);
        current = parent;
    }
    *ret_least = least;
    if (ret_dir)
        *ret_dir = g_steal_pointer(&tightest);
    return depth > 0;
}

bool
process_cgroup_find_least(pid_t pid, const char *controller, ProcessCgroupRoomFunc get, guint64 *ret_least, char **ret_dir,
                          GError **error)
{
    g_autoptr(GError) local = NULL;
    bool is_v2 = false;
    g_autofree char *dir = process_cgroup_dup_dir(pid, controller, &is_v2, &local);

    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (ret_dir)
        *ret_dir = NULL;
    *ret_least = G_MAXUINT64;
    if (dir) /* a group without the controller limits nothing */
        process_cgroup_dir_find_least(dir, is_v2, get, ret_least, ret_dir);
    return true;
}
