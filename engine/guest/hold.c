/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/hold.h"

#include "guest/find.h"
#include "guest/monitor.h"

GuestHold
guest_hold(GuestInstance *instance, const PathsInstance *paths, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (instance->pidfd >= 0)
        return GUEST_HOLD_HELD;
    if (instance->process.pid == 0 && !guest_find_by_mark(paths, &instance->process, &local)) {
        if (!local)
            return GUEST_HOLD_GONE;
        g_propagate_error(error, g_steal_pointer(&local));
        return GUEST_HOLD_UNKNOWN;
    }
    instance->pidfd = process_identity_open(&instance->process, &local);
    if (instance->pidfd >= 0)
        return GUEST_HOLD_HELD;
    if (g_error_matches(local, PROCESS_ERROR, PROCESS_ERROR_GONE))
        return GUEST_HOLD_GONE;
    g_propagate_error(error, g_steal_pointer(&local));
    return GUEST_HOLD_UNKNOWN;
}

void
guest_connect(GuestInstance *instance, const PathsInstance *paths)
{
    g_clear_pointer(&instance->monitor, qmp_client_free);
    if (paths)
        instance->monitor = guest_monitor_connect(instance, paths, NULL);
}

bool
guest_has_ended(GuestInstance *instance, const PathsInstance *paths)
{
    switch (guest_hold(instance, paths, NULL)) {
    case GUEST_HOLD_HELD:
        return process_has_exited(instance->pidfd);
    case GUEST_HOLD_GONE:
        return true;
    case GUEST_HOLD_UNKNOWN:
        return false;
    }
    g_assert_not_reached();
}
