/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finish, on the target: proof that it has the guest. It started by itself when it had the whole state (unless the method
 * had to stop the guest before). Behind this proof there is no way back.
 */
#include "guest/error.h"
#include "guest/log.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/cookie.h"
#include "upgrade/events.h"
#include "upgrade/phase.h"
#include "upgrade/timeouts.h"

static bool
fail_not_started(Upgrade *upgrade, GError **error)
{
    g_autofree char *words = guest_log_dup_last_words(upgrade_get_target(upgrade), upgrade_get_target_paths(upgrade));

    guest_error_set(error, GUEST_ERROR_FAILED, "target-not-running", "see the message: it is QEMU's own",
                    "the new QEMU has the whole state and does not start: %s", *words ? words : "it does not say why");
    return false;
}

static bool
still_has_it(QmpClient *monitor, const QmpWait *wait, GError **error)
{
    QmpStatus status = {0};

    if (!qmp_query_status(monitor, wait, &status, error))
        return false;
    bool holds = !g_str_equal(status.status, "inmigrate");
    qmp_status_clear(&status);
    if (!holds)
        guest_error_set(error, GUEST_ERROR_FAILED, "target-not-running", NULL, "the new QEMU has not got the guest");
    return holds;
}

/* A guest that was stopped before arrives stopped: RESUME comes when we say so. */
static bool
start_stopped(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    upgrade->target_was_let_run = true;
    if (!qmp_cont(upgrade_get_target(upgrade)->monitor, wait, error))
        return false;
    upgrade_events_collect(upgrade); /* RESUME is written before the reply */
    return true;
}

bool
finish_prove(Upgrade *upgrade, GError **error)
{
    /* No cancelling here: the source has handed over, and only the target can have the guest now. */
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RUN_MS, -1);
    QmpClient *monitor = upgrade_get_target(upgrade)->monitor;
    g_autoptr(GError) local = NULL;
    bool has_guest = upgrade_events_await_load(upgrade, &limit, &local);

    upgrade->target_was_late = g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT);
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    if (has_guest && upgrade->stops_first && upgrade_wants_run(upgrade))
        has_guest = start_stopped(upgrade, &limit, error);
    if (has_guest && upgrade_wants_run(upgrade) && upgrade->record->target_ran != UPGRADE_RAN_YES)
        has_guest = fail_not_started(upgrade, error);
    if (!has_guest || !still_has_it(monitor, &limit, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "target-not-running", NULL, "the new QEMU does not run the guest");
        return false;
    }
    g_atomic_int_set(&upgrade->passed_no_return, 1);
    upgrade_let_sleep(upgrade);
    upgrade_cookie_finish(upgrade);
    return true;
}
