/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroups(7): a line of /proc/PID/cgroup is "ID:CONTROLLERS:PATH", "0::PATH" for version 2. Where a hierarchy
 * is mounted is in /proc/self/mountinfo (proc(5)): "36 35 98:0 ROOT MOUNTPOINT options optional... - TYPE
 * source SUPER-OPTIONS", the controllers of a version 1 hierarchy being among the last.
 */
#include "process/cgroup.h"

#include <string.h>

#include "process/identity.h"
#include "process/read.h"

#define MAX_BYTES (1024 * 1024)

/* "0::PATH" or "5:cpu,cpuacct:PATH", cut in three in place; FALSE for other lines. */
static bool
split_line(char *line, const char **ret_controllers, const char **ret_path)
{
    char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;

    if (!second || second[1] != '/')
        return false;
    *second = '\0';
    *ret_controllers = first + 1;
    *ret_path = second + 1;
    return true;
}

/* controllers ("" for version 2) -> path, both owned by the table. */
static GHashTable *
read_groups(const char *pid, GError **error)
{
    g_autofree char *file = g_strdup_printf("/proc/%s/cgroup", pid);
    g_autofree char *text = process_read_file(file, MAX_BYTES, NULL, error);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    GHashTable *groups;

    if (!text)
        return NULL;
    groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (char **line = lines; *line; line++) {
        const char *controllers, *path;

        if (split_line(*line, &controllers, &path))
            g_hash_table_replace(groups, g_strdup(controllers), g_strdup(path));
    }
    return groups;
}

/* Whether a version 1 hierarchy with these super block options is the one of CONTROLLERS ("cpu,cpuacct",
 * "name=x"). */
static bool
has_controllers(const char *super_options, const char *controllers)
{
    g_auto(GStrv) options = g_strsplit(super_options, ",", -1);
    g_auto(GStrv) wanted = g_strsplit(controllers, ",", -1);

    for (char **controller = wanted; *controller; controller++)
        if (!g_strv_contains((const char *const *)options, *controller))
            return false;
    return true;
}

/* The directory of PATH when MOUNT, a line of mountinfo, is the mount of its hierarchy; else NULL. */
static char *
dir_in_mount(const char *mount, const char *controllers, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(mount, " - ", 2);
    g_auto(GStrv) left = g_strsplit(parts[0] ? parts[0] : "", " ", 6);
    g_auto(GStrv) right = g_strsplit(parts[0] && parts[1] ? parts[1] : "", " ", 3);
    const char *below;

    if (g_strv_length(left) < 5 || g_strv_length(right) < 3)
        return NULL;
    if (controllers[0] == '\0' ? strcmp(right[0], "cgroup2") != 0
                               : strcmp(right[0], "cgroup") != 0 || !has_controllers(right[2], controllers))
        return NULL;
    /* A mount may show a part of the hierarchy only. */
    below = strcmp(left[3], "/") == 0         ? path
            : g_str_has_prefix(path, left[3]) ? path + strlen(left[3])
                                              : NULL;
    if (!below || (below[0] != '/' && below[0] != '\0'))
        return NULL;
    g_autofree char *mount_point = g_strcompress(left[4]); /* \040 and the like */
    return g_build_filename(mount_point, below, NULL);
}

static char *
find_dir(char *const *mounts, const char *controllers, const char *path)
{
    /* Last first: a later mount hides an earlier one. */
    for (guint i = g_strv_length((char **)mounts); i > 0; i--) {
        char *dir = dir_in_mount(mounts[i - 1], controllers, path);

        if (dir)
            return dir;
    }
    return NULL;
}

/* "memory" among "cpu,memory". */
static bool
lists_controller(const char *controllers, const char *controller)
{
    g_auto(GStrv) names = g_strsplit(controllers, ",", -1);

    return g_strv_contains((const char *const *)names, controller);
}

char *
process_cgroup_dup_dir(pid_t pid, const char *controller, bool *ret_is_v2, GError **error)
{
    g_autofree char *number = g_strdup_printf("%d", pid);
    g_autoptr(GHashTable) groups = read_groups(number, error);
    g_autofree char *mountinfo =
        groups ? process_read_file("/proc/self/mountinfo", MAX_BYTES, NULL, error) : NULL;
    g_auto(GStrv) mounts = mountinfo ? g_strsplit(mountinfo, "\n", -1) : NULL;
    GHashTableIter iter;
    gpointer controllers, path;

    if (!mounts)
        return NULL;
    *ret_is_v2 = false;
    g_hash_table_iter_init(&iter, groups);
    while (g_hash_table_iter_next(&iter, &controllers, &path))
        if (lists_controller(controllers, controller))
            return find_dir(mounts, controllers, path);
    *ret_is_v2 = true;
    path = g_hash_table_lookup(groups, "");
    return path ? find_dir(mounts, "", path) : NULL;
}

char **
process_cgroup_dup_dirs(pid_t pid, GError **error)
{
    g_autofree char *number = g_strdup_printf("%d", pid);
    g_autoptr(GHashTable) theirs = read_groups(number, error),
                          ours = theirs ? read_groups("self", error) : NULL;
    g_autofree char *mountinfo =
        ours ? process_read_file("/proc/self/mountinfo", MAX_BYTES, NULL, error) : NULL;
    g_auto(GStrv) mounts = mountinfo ? g_strsplit(mountinfo, "\n", -1) : NULL;
    GHashTableIter iter;
    gpointer controllers, path;
    GPtrArray *dirs;

    if (!mounts)
        return NULL;
    dirs = g_ptr_array_new();
    g_hash_table_iter_init(&iter, theirs);
    while (g_hash_table_iter_next(&iter, &controllers, &path)) {
        char *dir = g_strcmp0(g_hash_table_lookup(ours, controllers), path) == 0
                        ? NULL
                        : find_dir(mounts, controllers, path);

        if (dir)
            g_ptr_array_add(dirs, dir);
    }
    g_ptr_array_add(dirs, NULL);
    return (char **)g_ptr_array_free(dirs, FALSE);
}
