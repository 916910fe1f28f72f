/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/find.h"

#include <unistd.h>

#include "guest/spawn.h"
#include "process/proc.h"

static bool
carries_mark(pid_t pid, const char *dir)
{
    g_auto(GStrv) environment = process_proc_dup_environ(pid, NULL);

    return environment && g_strcmp0(g_environ_getenv(environment, GUEST_SPAWN_MARK), dir) == 0;
}

bool
guest_find_by_mark(const PathsInstance *paths, ProcessIdentity *ret_identity, GError **error)
{
    g_autoptr(GArray) pids = process_proc_list_pids(error);

    for (guint i = 0; pids && i < pids->len; i++) {
        pid_t pid = g_array_index(pids, pid_t, i);
        ProcessIdentity identity;
        /* Identity first: a pid that changes hands in between fails at its next use. */
        if (pid != getpid() && process_identity_read(pid, &identity, NULL) && carries_mark(pid, paths->dir)) {
            *ret_identity = identity;
            return true;
        }
    }
    return false;
}
