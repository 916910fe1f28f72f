/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/events.h"

#include <poll.h>

#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/timeouts.h"

/* Of a QEMU that stands still there is an end to what it has said; one that floods us must not hold us. */
#define MAX_DRAIN_TURNS 4096

/* Why a QEMU ends, if this is what it says before. */
static void
note_shutdown(GuestInstance *instance, const QmpEvent *event)
{
    if (!g_str_equal(event->name, "SHUTDOWN"))
        return;
    const char *reason = qmp_json_get_string(event->data, "reason");
    g_free(instance->last_shutdown);
    instance->last_shutdown = g_strdup(reason ? reason : "guest-shutdown");
}

static void
note_source(Upgrade *upgrade, const QmpEvent *event)
{
    note_shutdown(upgrade_get_source(upgrade), event);
    if (g_str_equal(event->name, "RESUME"))
        upgrade->source_went_on = upgrade->source_stopped;
    if (!g_str_equal(event->name, "STOP"))
        return;
    upgrade->source_stopped = true;
    upgrade->source_went_on = false;
    upgrade_times_stop(&upgrade->times, event->timestamp_us);
}

static void
note_target(Upgrade *upgrade, const QmpEvent *event)
{
    note_shutdown(upgrade_get_target(upgrade), event);
    if (g_str_equal(event->name, "MIGRATION") &&
        g_strcmp0(qmp_json_get_string(event->data, "status"), "completed") == 0)
        upgrade->target_loaded = true;
    if (!g_str_equal(event->name, "RESUME") || upgrade->record->target_ran == UPGRADE_RAN_YES)
        return;
    upgrade_times_resume(&upgrade->times, event->timestamp_us);
    upgrade->record->target_ran = UPGRADE_RAN_YES;
}

static void
take_events(Upgrade *upgrade, QmpClient *monitor, void (*note)(Upgrade *upgrade, const QmpEvent *event))
{
    QmpEvent *event;

    while ((event = qmp_client_pop_event(monitor))) {
        note(upgrade, event);
        qmp_event_free(event);
    }
}

void
upgrade_events_discard(Upgrade *upgrade)
{
    upgrade_events_collect(upgrade);
    upgrade_times_begin(&upgrade->times);
    upgrade->source_stopped = upgrade->source_went_on = false;
}

void
upgrade_events_collect(Upgrade *upgrade)
{
    const GuestInstance *source = upgrade_get_source(upgrade);
    const GuestInstance *target = upgrade_get_target(upgrade);

    if (source->monitor) {
        qmp_client_process(source->monitor, NULL);
        take_events(upgrade, source->monitor, note_source);
    }
    if (target && target->monitor) {
        qmp_client_process(target->monitor, NULL);
        take_events(upgrade, target->monitor, note_target);
    }
}

static bool
has_more(const QmpClient *monitor)
{
    struct pollfd input = {.fd = qmp_client_get_fd(monitor), .events = POLLIN};

    return input.fd >= 0 && poll(&input, 1, 0) > 0;
}

bool
upgrade_events_drain_target(Upgrade *upgrade)
{
    const GuestInstance *target = upgrade_get_target(upgrade);

    if (!target->monitor)
        return false;
    for (unsigned turn = 0; turn < MAX_DRAIN_TURNS; turn++) {
        bool is_open = qmp_client_process(target->monitor, NULL);
        take_events(upgrade, target->monitor, note_target);
        if (!is_open)
            return false;
        if (!has_more(target->monitor))
            return true;
    }
    return false;
}

QmpEvent *
upgrade_events_next_source(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpEvent *event = qmp_client_wait_event(upgrade_get_source(upgrade)->monitor, NULL, wait, error);

    if (event)
        note_source(upgrade, event);
    return event;
}

bool
upgrade_events_wait_target(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    g_autoptr(QmpEvent) event = qmp_client_wait_event(upgrade_get_target(upgrade)->monitor, NULL, wait, error);

    if (event)
        note_target(upgrade, event);
    return event != NULL;
}

/* One without the capability `events` says RESUME, and nothing where it does not start. */
static void
ask_whether_loaded(Upgrade *upgrade, const QmpWait *wait)
{
    QmpClient *monitor = upgrade_get_target(upgrade)->monitor;
    QmpMigrateInfo info = {0};
    QmpStatus status = {0};

    if (qmp_query_migrate(monitor, wait, &info, NULL) && qmp_query_status(monitor, wait, &status, NULL))
        upgrade->target_loaded = g_str_equal(info.status, "completed") || !g_str_equal(status.status, "inmigrate");
    qmp_status_clear(&status);
    qmp_migrate_info_clear(&info);
    upgrade_events_collect(upgrade); /* RESUME was written before the answer */
}

bool
upgrade_events_await_load(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    upgrade_events_collect(upgrade);
    while (upgrade->record->target_ran != UPGRADE_RAN_YES && !upgrade->target_loaded) {
        g_autoptr(GError) local = NULL;
        QmpWait limit = qmp_wait_within(wait, UPGRADE_TIMEOUT_QUIET_MS);
        if (upgrade_events_wait_target(upgrade, &limit, &local))
            continue;
        if (!g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT) ||
            qmp_wait_check(wait) != QMP_WAIT_READY) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
        ask_whether_loaded(upgrade, wait);
    }
    return true;
}

UpgradeRan
upgrade_events_ran_so_far(const Upgrade *upgrade)
{
    const GuestInstance *target = upgrade_get_target(upgrade);

    if (upgrade->record->target_ran != UPGRADE_RAN_UNKNOWN)
        return upgrade->record->target_ran;
    if (upgrade->target_watched && target && target->monitor &&
        qmp_client_get_state(target->monitor) != QMP_CLIENT_CLOSED)
        return UPGRADE_RAN_NO;
    return UPGRADE_RAN_UNKNOWN;
}

UpgradeRan
upgrade_events_target_ran(Upgrade *upgrade)
{
    GuestInstance *target = upgrade_get_target(upgrade);
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    g_autoptr(GError) error = NULL;

    if (!target || upgrade->record->target_ran != UPGRADE_RAN_UNKNOWN)
        return upgrade->record->target_ran;
    if (!target->monitor)
        return UPGRADE_RAN_UNKNOWN;
    while (upgrade_events_wait_target(upgrade, &limit, &error))
        continue;
    /* Closed: all that it ever wrote has been read. Anything else that ended the connection leaves a gap. */
    bool is_whole = g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CLOSED);
    if (upgrade->record->target_ran == UPGRADE_RAN_UNKNOWN && is_whole && upgrade->target_watched)
        upgrade->record->target_ran = UPGRADE_RAN_NO;
    return upgrade->record->target_ran;
}
