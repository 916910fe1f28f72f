/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finish, on the target: proof that it has the guest. It started by itself when it had the whole state; nothing is
 * sent to it. Behind this proof there is no way back.
 */
#include "guest/error.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/cookie.h"
#include "upgrade/events.h"
#include "upgrade/phase.h"
#include "upgrade/timeouts.h"

/* The target's own migration has ended: needed where no RESUME will come because the guest stays paused. */
static bool
await_loaded(QmpClient *monitor, const QmpWait *wait, GError **error)
{
    for (;;) {
        QmpStatus status = {0};
        if (!qmp_query_status(monitor, wait, &status, error))
            return false;
        bool loaded = !g_str_equal(status.status, "inmigrate");
        qmp_status_clear(&status);
        if (loaded)
            return true;
        g_autoptr(QmpEvent) event = qmp_client_wait_event(monitor, "MIGRATION", wait, error);
        if (!event)
            return false;
    }
}

static bool
await_running(Upgrade *upgrade, QmpClient *monitor, const QmpWait *wait, GError **error)
{
    upgrade_events_collect(upgrade);
    if (upgrade->record->target_ran != UPGRADE_RAN_YES) {
        g_autoptr(QmpEvent) event = qmp_client_wait_event(monitor, "RESUME", wait, error);
        if (!event)
            return false;
        upgrade->resume_us = event->timestamp_us;
        upgrade->record->target_ran = UPGRADE_RAN_YES;
    }
    QmpStatus status = {0};
    if (!qmp_query_status(monitor, wait, &status, error))
        return false;
    bool holds = !g_str_equal(status.status, "inmigrate");
    qmp_status_clear(&status);
    if (!holds)
        guest_error_set(error, GUEST_ERROR_FAILED, "target-not-running", NULL, "the new QEMU resumed and then fell back");
    return holds;
}

bool
upgrade_let_run(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpClient *monitor = upgrade_get_target(upgrade) ? upgrade_get_target(upgrade)->monitor : NULL;
    QmpStatus status = {0};

    if (!upgrade->stops_first || !upgrade->source_was_running || upgrade->request.start_paused || !monitor)
        return true;
    if (!qmp_query_status(monitor, wait, &status, error))
        return false;
    bool runs = status.running;
    qmp_status_clear(&status);
    return runs || qmp_cont(monitor, wait, error);
}

/* A guest that was stopped for its copy arrives stopped: RESUME comes when we say so. */
static bool
await_loaded_and_run(Upgrade *upgrade, QmpClient *monitor, const QmpWait *wait, GError **error)
{
    return await_loaded(monitor, wait, error) && upgrade_let_run(upgrade, wait, error) &&
           await_running(upgrade, monitor, wait, error);
}

bool
finish_prove(Upgrade *upgrade, GError **error)
{
    /* No cancelling here: the source has handed over, and only the target can have the guest now. */
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RUN_MS, -1);
    QmpClient *monitor = upgrade_get_target(upgrade)->monitor;
    bool expects_run = upgrade->source_was_running && !upgrade->request.start_paused;
    bool proved = !expects_run           ? await_loaded(monitor, &limit, error)
                  : upgrade->stops_first ? await_loaded_and_run(upgrade, monitor, &limit, error)
                                         : await_running(upgrade, monitor, &limit, error);

    if (!proved) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "target-not-running", NULL, "the new QEMU does not run the guest");
        return false;
    }
    g_atomic_int_set(&upgrade->passed_no_return, 1);
    upgrade_cookie_finish(upgrade);
    return true;
}
