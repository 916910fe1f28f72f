/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/attributes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "process/cgroup.h"
#include "process/failure.h"
#include "process/field.h"
#include "process/proc.h"
#include "process/read.h"

#define MAX_STATUS_BYTES (2 * 1024 * 1024) /* 65536 groups of up to 11 characters */
#define MAX_GROUPS 65536
#define LIMIT_VALUE_COLUMN 26

static bool
fail(pid_t pid, const char *what, GError **error)
{
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d has no proper %s", pid, what);
    return false;
}

static bool
parse_groups(const char *status, ProcessAttributes *attributes)
{
    const char *cursor = process_field_find(status, "Groups:");
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(gid_t));

    if (!cursor)
        return false;
    while (g_ascii_isdigit(*cursor) && groups->len < MAX_GROUPS) {
        char *end;
        guint64 number = g_ascii_strtoull(cursor, &end, 10);
        gid_t group = (gid_t)number;

        if (number > G_MAXUINT32)
            return false;
        g_array_append_val(groups, group);
        cursor = end + strspn(end, " ");
    }
    attributes->launcher.n_groups = groups->len;
    attributes->groups = (gid_t *)(void *)g_array_steal(groups, NULL);
    attributes->launcher.groups = attributes->groups;
    return *cursor == '\n';
}

static bool
read_hex(const char *status, const char *key, guint64 *ret_value)
{
    const char *value = process_field_find(status, key);

    if (!value || !g_ascii_isxdigit(*value))
        return false;
    *ret_value = g_ascii_strtoull(value, NULL, 16);
    return true;
}

static bool
read_status(pid_t pid, ProcessAttributes *attributes, GError **error)
{
    g_autofree char *status = process_read_proc(pid, "status", MAX_STATUS_BYTES, NULL, error);
    LauncherAttributes *launcher = &attributes->launcher;
    const char *umask_text;

    if (!status)
        return false;
    if (!process_field_get_effective_id(status, "Uid:", &launcher->uid) ||
        !process_field_get_effective_id(status, "Gid:", &launcher->gid) || !parse_groups(status, attributes))
        return fail(pid, "status: ids", error);
    launcher->set_ids = true;
    umask_text = process_field_find(status, "Umask:"); /* Linux 4.7 */
    launcher->set_capabilities = read_hex(status, "CapBnd:", &launcher->bounding_capabilities) &&
                                 read_hex(status, "CapAmb:", &launcher->ambient_capabilities); /* Linux 4.3 */
    const char *no_new_privs = process_field_find(status, "NoNewPrivs:"); /* Linux 4.10 */
    launcher->no_new_privs = no_new_privs && *no_new_privs == '1';
    launcher->set_umask = umask_text && g_ascii_isdigit(*umask_text);
    if (launcher->set_umask)
        launcher->umask = (mode_t)g_ascii_strtoull(umask_text, NULL, 8) & 0777;
    return true;
}

/* "Max open files            1024                 524288               files": in the order of the numbers.
 */
static bool
parse_limit(const char *line, struct rlimit *ret_limit)
{
    rlim_t values[2];

    if (strlen(line) <= LIMIT_VALUE_COLUMN)
        return false;
    line += LIMIT_VALUE_COLUMN;
    for (int i = 0; i < 2; i++) {
        char *end = (char *)line + strlen("unlimited");

        if (g_str_has_prefix(line, "unlimited"))
            values[i] = RLIM_INFINITY;
        else if (g_ascii_isdigit(*line))
            values[i] = g_ascii_strtoull(line, &end, 10);
        else
            return false;
        line = end + strspn(end, " ");
    }
    *ret_limit = (struct rlimit){.rlim_cur = values[0], .rlim_max = values[1]};
    return true;
}

/* From the file, as prlimit(2) of another user's process takes CAP_SYS_RESOURCE. */
static bool
read_limits(pid_t pid, ProcessAttributes *attributes, GError **error)
{
    g_autofree char *text = process_read_proc(pid, "limits", 16 * 1024, NULL, error);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

    if (!text)
        return false;
    if (g_strv_length(lines) < RLIM_NLIMITS + 1)
        return fail(pid, "limits", error);
    for (int resource = 0; resource < RLIM_NLIMITS; resource++)
        if (!parse_limit(lines[resource + 1], &attributes->limits[resource]))
            return fail(pid, "limits", error);
    attributes->launcher.limits = attributes->limits;
    return true;
}

static bool
read_oom_score_adj(pid_t pid, int *ret_value, GError **error)
{
    g_autofree char *text = process_read_proc(pid, "oom_score_adj", 64, NULL, error);
    gint64 value;

    if (!text)
        return false;
    if (!g_ascii_string_to_signed(g_strchomp(text), 10, -1000, 1000, &value, NULL))
        return fail(pid, "oom_score_adj", error);
    *ret_value = (int)value;
    return true;
}

static bool
read_scheduling(pid_t pid, ProcessAttributes *attributes, GError **error)
{
    LauncherAttributes *launcher = &attributes->launcher;

    if (!read_oom_score_adj(pid, &launcher->oom_score_adj, error))
        return false;
    launcher->set_oom_score_adj = true;
    errno = 0;
    launcher->nice = getpriority(PRIO_PROCESS, (id_t)pid);
    if (errno != 0) {
        process_set_error_errno(error, errno, "nice value of process %d", pid);
        return false;
    }
    launcher->set_nice = true;
    if (!process_scheduling_read(pid, &launcher->scheduling, error))
        return false;
    launcher->set_scheduling = true;
    /* EINVAL: more CPUs than a cpu_set_t has; such a node's affinity is left as it is. */
    if (sched_getaffinity(pid, sizeof(attributes->affinity), &attributes->affinity) == 0)
        launcher->affinity = &attributes->affinity;
    return true;
}

static bool
read_places(pid_t pid, ProcessAttributes *attributes, GError **error)
{
    LauncherAttributes *launcher = &attributes->launcher;

    attributes->cwd = process_proc_dup_cwd(pid, error);
    attributes->cgroup_dirs = attributes->cwd ? process_cgroup_dup_dirs(pid, error) : NULL;
    if (!attributes->cgroup_dirs)
        return false;
    if (g_str_has_suffix(attributes->cwd, " (deleted)") || attributes->cwd[0] != '/') {
        g_free(attributes->cwd);
        attributes->cwd = g_strdup("/");
    }
    launcher->cwd = attributes->cwd;
    launcher->cgroup_dirs = (const char *const *)attributes->cgroup_dirs;
    launcher->namespaces_of = pid;
    return true;
}

ProcessAttributes *
process_attributes_read(pid_t pid, GError **error)
{
    g_autoptr(ProcessAttributes) attributes = g_new0(ProcessAttributes, 1);

    if (!read_status(pid, attributes, error) || !read_limits(pid, attributes, error) ||
        !read_scheduling(pid, attributes, error) || !read_places(pid, attributes, error))
        return NULL;
    attributes->launcher.as_permitted = true;
    return g_steal_pointer(&attributes);
}

void
process_attributes_free(ProcessAttributes *attributes)
{
    if (!attributes)
        return;
    g_free(attributes->cwd);
    g_free(attributes->groups);
    g_strfreev(attributes->cgroup_dirs);
    g_free(attributes);
}
