/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst: a charge must fit every group from the leaf to the
 * root. A group of version 2 may lack the controller while those above it have it; a directory without cgroup.procs is
 * no group any more, and ends the walk.
 */
#include "process/cgroup-memory.h"

#include <string.h>
#include <unistd.h>

#include "process/cgroup.h"
#include "process/identity.h"
#include "process/read.h"

#define MAX_BYTES 65536
#define MAX_DEPTH 64

typedef struct {
    const char *limit, *usage;
    const char *reclaimable; /* line of memory.stat, with its blank */
} Names;

static const Names names_v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};
static const Names names_v2 = {"memory.max", "memory.current", "inactive_file "};

static char *
read_in(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return process_read_file(path, MAX_BYTES, NULL, NULL);
}

/* FALSE when there is no such file. "max" is G_MAXUINT64. */
static bool
read_number(const char *dir, const char *name, guint64 *ret_value)
{
    g_autofree char *text = read_in(dir, name);

    if (!text)
        return false;
    g_strchomp(text);
    if (strcmp(text, "max") == 0)
        *ret_value = G_MAXUINT64;
    else if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, ret_value, NULL))
        return false;
    return true;
}

static guint64
read_reclaimable(const char *dir, const Names *names)
{
    g_autofree char *text = read_in(dir, "memory.stat");
    const char *line = text;

    while (line && !g_str_has_prefix(line, names->reclaimable)) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return line ? g_ascii_strtoull(line + strlen(names->reclaimable), NULL, 10) : 0;
}

/* What this one group allows; G_MAXUINT64 where it sets no limit. */
static guint64
get_available(const char *dir, const Names *names)
{
    guint64 limit = 0, usage = 0;

    if (!read_number(dir, names->limit, &limit) || !read_number(dir, names->usage, &usage))
        return G_MAXUINT64;
    /* Version 1 writes "no limit" as the largest multiple of a page. */
    if (limit >= (guint64)G_MAXINT64 - 65536)
        return G_MAXUINT64;
    guint64 reclaimable = read_reclaimable(dir, names);
    usage -= MIN(usage, reclaimable);
    return limit > usage ? limit - usage : 0;
}

static bool
is_group(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "cgroup.procs", NULL);

    return access(path, F_OK) == 0;
}

bool
process_cgroup_dir_get_memory_available(const char *dir, bool is_v2, guint64 *ret_bytes, char **ret_dir)
{
    const Names *names = is_v2 ? &names_v2 : &names_v1;
    g_autofree char *current = g_strdup(dir), *tightest = NULL;
    guint64 least = G_MAXUINT64;
    int depth = 0;

    for (; depth < MAX_DEPTH && is_group(current); depth++) {
        guint64 available = get_available(current, names);
        if (available < least) {
            least = available;
            g_free(tightest);
            tightest = g_strdup(current);
        }
        char *parent = g_path_get_dirname(current);
        g_free(current);
        current = parent;
    }
    *ret_bytes = least;
    if (ret_dir)
        *ret_dir = g_steal_pointer(&tightest);
    return depth > 0;
}

bool
process_cgroup_get_memory_available(pid_t pid, guint64 *ret_bytes, char **ret_dir, GError **error)
{
    g_autoptr(GError) local = NULL;
    bool is_v2 = false;
    g_autofree char *dir = process_cgroup_dup_dir(pid, "memory", &is_v2, &local);

    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (ret_dir)
        *ret_dir = NULL;
    *ret_bytes = G_MAXUINT64;
    if (dir) /* a group without the controller limits nothing */
        process_cgroup_dir_get_memory_available(dir, is_v2, ret_bytes, ret_dir);
    return true;
}
