/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst */
#include "process/cgroup-memory.h"

#include <string.h>

#include "process/cgroup-least.h"
#include "process/read.h"

#define MAX_BYTES 65536

typedef struct {
    const char *limit, *usage;
    const char *reclaimable; /* line of memory.stat, with its blank */
} Names;

static const Names names_v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};
static const Names names_v2 = {"memory.max", "memory.current", "inactive_file "};

static guint64
read_reclaimable(const char *dir, const Names *names)
{
    g_autofree char *path = g_build_filename(dir, "memory.stat", NULL);
    g_autofree char *text = process_read_file(path, MAX_BYTES, NULL, NULL);
    const char *line = text;

    while (line && !g_str_has_prefix(line, names->reclaimable)) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return line ? g_ascii_strtoull(line + strlen(names->reclaimable), NULL, 10) : 0;
}

static guint64
get_available(const char *dir, bool is_v2)
{
    const Names *names = is_v2 ? &names_v2 : &names_v1;
    guint64 limit = 0, usage = 0;

    if (!process_cgroup_read_number(dir, names->limit, &limit) || !process_cgroup_read_number(dir, names->usage, &usage))
        return G_MAXUINT64;
    /* Version 1 writes "no limit" as the largest multiple of a page. */
    if (limit >= (guint64)G_MAXINT64 - 65536)
        return G_MAXUINT64;
    guint64 reclaimable = read_reclaimable(dir, names);
    usage -= MIN(usage, reclaimable);
    return limit > usage ? limit - usage : 0;
}

bool
process_cgroup_dir_get_memory_available(const char *dir, bool is_v2, guint64 *ret_bytes, char **ret_dir)
{
    return process_cgroup_dir_find_least(dir, is_v2, get_available, ret_bytes, ret_dir);
}

bool
process_cgroup_get_memory_available(pid_t pid, guint64 *ret_bytes, char **ret_dir, GError **error)
{
    return process_cgroup_find_least(pid, "memory", get_available, ret_bytes, ret_dir, error);
}
