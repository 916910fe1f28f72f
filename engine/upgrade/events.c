/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/events.h"

#include "upgrade/timeouts.h"

void
upgrade_events_discard(QmpClient *monitor)
{
    QmpEvent *event;

    qmp_client_process(monitor, NULL);
    while ((event = qmp_client_pop_event(monitor)))
        qmp_event_free(event);
}

static void
collect_source(Upgrade *upgrade, GuestInstance *source)
{
    QmpEvent *event;

    while (source->monitor && (event = qmp_client_pop_event(source->monitor))) {
        if (g_str_equal(event->name, "STOP"))
            upgrade->stop_us = event->timestamp_us;
        qmp_event_free(event);
    }
}

static void
note_target(Upgrade *upgrade, const QmpEvent *event)
{
    if (!g_str_equal(event->name, "RESUME") || upgrade->record->target_ran == UPGRADE_RAN_YES)
        return;
    upgrade->resume_us = event->timestamp_us;
    upgrade->record->target_ran = UPGRADE_RAN_YES;
}

static void
collect_target(Upgrade *upgrade, GuestInstance *target)
{
    QmpEvent *event;

    while (target->monitor && (event = qmp_client_pop_event(target->monitor))) {
        note_target(upgrade, event);
        qmp_event_free(event);
    }
}

void
upgrade_events_collect(Upgrade *upgrade)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    GuestInstance *target = upgrade_get_target(upgrade);

    if (source->monitor)
        qmp_client_process(source->monitor, NULL);
    if (target && target->monitor)
        qmp_client_process(target->monitor, NULL);
    collect_source(upgrade, source);
    if (target)
        collect_target(upgrade, target);
}

UpgradeRan
upgrade_events_target_ran(Upgrade *upgrade)
{
    GuestInstance *target = upgrade_get_target(upgrade);

    if (!target || upgrade->record->target_ran != UPGRADE_RAN_UNKNOWN)
        return upgrade->record->target_ran;
    if (!target->monitor)
        return UPGRADE_RAN_UNKNOWN;
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    for (;;) {
        g_autoptr(GError) error = NULL;
        g_autoptr(QmpEvent) event = qmp_client_wait_event(target->monitor, NULL, &limit, &error);
        if (event)
            note_target(upgrade, event);
        else if (g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CLOSED))
            break; /* all that it ever wrote has been read */
        else
            return UPGRADE_RAN_UNKNOWN;
    }
    if (upgrade->record->target_ran == UPGRADE_RAN_UNKNOWN && upgrade->target_watched)
        upgrade->record->target_ran = UPGRADE_RAN_NO;
    return upgrade->record->target_ran;
}
