/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/kill.h"

#include <signal.h>

#include "upgrade/crash.h"
#include "upgrade/timeouts.h"

static bool
ends_when_asked(int pidfd, gint64 grace_ms, ProcessExit *ret_end)
{
    return grace_ms > 0 && process_send_signal(pidfd, SIGTERM, NULL) &&
           process_wait_exit(pidfd, upgrade_crash_patience_ms(grace_ms), -1, ret_end, NULL);
}

bool
upgrade_kill(const GuestInstance *instance, gint64 grace_ms, ProcessExit *ret_end, GError **error)
{
    if (instance->pidfd < 0) {
        g_set_error_literal(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "it cannot be opened");
        return false;
    }
    return ends_when_asked(instance->pidfd, grace_ms, ret_end) ||
           process_kill_and_reap(instance->pidfd, upgrade_crash_patience_ms(UPGRADE_TIMEOUT_KILL_MS), ret_end, error);
}
