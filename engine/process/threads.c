/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documentation/admin-guide/cgroup-v2.rst ("PID") and cgroup-v1/pids.rst; setrlimit(2) on RLIMIT_NPROC: it counts the threads of the
 * real user id, and does not hold for root.
 */
#include "process/threads.h"

#include <string.h>
#include <sys/resource.h>

#include "process/cgroup-least.h"
#include "process/failure.h"
#include "process/proc.h"
#include "process/read.h"

#define MAX_BYTES 65536

/* The first number behind KEY ("Threads:") in /proc/PID/status. */
static bool
read_status(pid_t pid, const char *key, guint64 *ret_value, GError **error)
{
    g_autofree char *text = process_read_proc(pid, "status", MAX_BYTES, NULL, error);
    const char *line = text ? strstr(text, key) : NULL;

    if (!text)
        return false;
    if (!line) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d/status has no %s", pid, key);
        return false;
    }
    *ret_value = g_ascii_strtoull(line + strlen(key), NULL, 10);
    return true;
}

bool
process_threads_count(pid_t pid, guint *ret_n, GError **error)
{
    guint64 n = 0;

    if (!read_status(pid, "\nThreads:", &n, error))
        return false;
    *ret_n = (guint)n;
    return true;
}

static guint64
get_pids_room(const char *dir, bool is_v2 G_GNUC_UNUSED)
{
    guint64 limit = 0, usage = 0;

    if (!process_cgroup_read_number(dir, "pids.max", &limit) || !process_cgroup_read_number(dir, "pids.current", &usage) ||
        limit == G_MAXUINT64)
        return G_MAXUINT64;
    return limit > usage ? limit - usage : 0;
}

static guint64
count_threads_of(uid_t uid)
{
    g_autoptr(GArray) pids = process_proc_list_pids(NULL);
    guint64 total = 0;

    for (guint i = 0; pids && i < pids->len; i++) {
        pid_t pid = g_array_index(pids, pid_t, i);
        guint64 owner = 0, n = 0;
        if (read_status(pid, "\nUid:", &owner, NULL) && owner == uid && read_status(pid, "\nThreads:", &n, NULL))
            total += n;
    }
    return total;
}

/* What RLIMIT_NPROC leaves the user of PID. */
static bool
get_user_room(pid_t pid, guint64 *ret_room, GError **error)
{
    struct rlimit limit;
    guint64 uid = 0;

    *ret_room = G_MAXUINT64;
    if (!read_status(pid, "\nUid:", &uid, error))
        return false;
    if (uid == 0 || prlimit(pid, RLIMIT_NPROC, NULL, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return true; /* one that may not be asked for is not ours to change either: the cgroup's is what is left */
    guint64 used = count_threads_of((uid_t)uid);
    *ret_room = limit.rlim_cur > used ? limit.rlim_cur - used : 0;
    return true;
}

bool
process_threads_get_room(pid_t pid, guint64 *ret_room, char **ret_limit, GError **error)
{
    guint64 group_room = 0, user_room = 0;
    g_autofree char *dir = NULL;

    if (!process_cgroup_find_least(pid, "pids", get_pids_room, &group_room, &dir, error) ||
        !get_user_room(pid, &user_room, error))
        return false;
    *ret_room = MIN(group_room, user_room);
    if (ret_limit)
        *ret_limit = user_room < group_room ? g_strdup("RLIMIT_NPROC of its user")
                     : dir                  ? g_strconcat("pids.max of ", dir, NULL)
                                            : NULL;
    return true;
}
