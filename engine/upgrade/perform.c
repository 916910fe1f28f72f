/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Perform, on the source: capabilities on both sides, `migrate-incoming`, `migrate`, wait. Between STOP on the
 * source and RESUME on the target nothing of the engine is needed: QEMU does it alone, and an engine that dies
 * meanwhile leaves no guest standing. But for a guest that must be stopped first (session.h, stops_first): it stands until
 * an engine is there again.
 *
 * The rule without exception: once `migrate` has been issued, the target is killed and reaped before the source is
 * cancelled, resumed or otherwise allowed to run.
 */
#include <string.h>

#include "guest/error.h"
#include "guest/hold.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/cookie.h"
#include "upgrade/events.h"
#include "upgrade/handback.h"
#include "upgrade/parameters.h"
#include "upgrade/phase.h"
#include "upgrade/taps.h"
#include "upgrade/threads.h"
#include "upgrade/timeouts.h"

/* Somebody may have paused or resumed the guest since Begin; what it was is what it shall be. */
static bool
look_at_state(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpStatus status = {0};

    if (!qmp_query_status(upgrade_get_source(upgrade)->monitor, wait, &status, error))
        return false;
    upgrade->source_was_running = upgrade->record->source_was_running = status.running;
    qmp_status_clear(&status);
    return true;
}

bool
perform_capabilities(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    bool done = look_at_state(upgrade, &limit, error) && upgrade_set_capabilities(upgrade, &limit, error) &&
                upgrade_set_parameters(upgrade, &limit, error);
    upgrade_forget_answers(upgrade); /* both are compared: what they say from here on is new */
    if (done)
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "capabilities", NULL, "migration capabilities");
    return false;
}

/* With the capability left on, the next save to a file would "succeed" without the memory. */
bool
perform_capabilities_undo(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    bool is_mute = upgrade->seen.source == RECOVER_SOURCE_MUTE;
    QmpWait limit = qmp_wait_from_now(is_mute ? UPGRADE_TIMEOUT_GLANCE_MS : UPGRADE_TIMEOUT_COMMAND_MS, -1);

    if (guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return true;
    if (upgrade_clear_capabilities(upgrade, source, &limit, error) &&
        upgrade_restore_parameters(upgrade, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_NEEDS_OPERATOR, "capabilities-left", "see moult show",
                     "the source's migration capabilities are not cleared");
    return false;
}

bool
perform_listen(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);
    g_autofree char *uri = g_strconcat("unix:", upgrade_get_target_paths(upgrade)->migrate_socket, NULL);

    if (qmp_migrate_incoming(upgrade_get_target(upgrade)->monitor, uri, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "migrate-incoming", NULL, "the new QEMU does not listen");
    return false;
}

/* The queues of TAP devices change hands while the command is on its way: a moment later nobody reads them any more. */
static bool
stop_source(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpClient *monitor = upgrade_get_source(upgrade)->monitor;
    guint64 id = qmp_client_send(monitor, "stop", NULL, error);

    if (id == 0)
        return false;
    upgrade_taps_hand_over(upgrade);
    return qmp_client_collect(monitor, id, wait, NULL, error);
}

bool
perform_stop(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    if (!upgrade_threads_are_free(upgrade_get_source(upgrade), error))
        return false;
    /* Events of the past must not be taken for those of this migration. */
    upgrade_events_discard(upgrade);
    upgrade->stopped_us = g_get_monotonic_time();
    if (!upgrade->stops_first || stop_source(upgrade, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "stop", NULL, "the running QEMU does not stop the guest");
    return false;
}

/* No target has been given anything yet, or it is dead (perform_migrate_undo): the guest may run here again. */
bool
perform_stop_undo(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RESUME_MS, -1);
    GuestInstance *source = upgrade_get_source(upgrade);
    QmpStatus status = {0};

    if (!upgrade->stops_first || !upgrade->source_was_running ||
        guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return true;
    if (!source->monitor) {
        guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "source-mute", "see moult show",
                        "whether the source runs again is not known: it does not answer");
        return false;
    }
    if (!qmp_query_status(source->monitor, &limit, &status, error))
        return false;
    bool runs = status.running;
    qmp_status_clear(&status);
    upgrade_taps_restore(upgrade, NULL); /* what fails is told by prepare_handover_undo */
    return runs || qmp_cont(source->monitor, &limit, error);
}

bool
perform_migrate(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);
    g_autofree char *uri = g_strconcat("unix:", upgrade_get_target_paths(upgrade)->migrate_socket, NULL);
    QmpClient *monitor = upgrade_get_source(upgrade)->monitor;

    upgrade_taps_hand_over(upgrade);
    if (qmp_migrate(monitor, uri, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "migrate", NULL, "the running QEMU does not hand over");
    return false;
}

bool
perform_migrate_undo(Upgrade *upgrade, GError **error)
{
    return upgrade_hand_back(upgrade, error);
}

/* The target's own last words, when it had any; they say more than the source can know. */
static void
explain_failure(Upgrade *upgrade, const char *status, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    g_autofree char *words = guest_spawn_dup_last_words(upgrade_get_target_paths(upgrade));
    QmpMigrateInfo info = {0};

    if (!qmp_query_migrate(upgrade_get_source(upgrade)->monitor, &limit, &info, NULL))
        info = (QmpMigrateInfo){0};
    guest_error_set(error, GUEST_ERROR_FAILED, "migration-failed", "see the message: it is QEMU's own",
                    "the migration ended as '%s'%s%s%s%s", status, info.error_desc ? ": " : "",
                    info.error_desc ? info.error_desc : "", *words ? "; the new QEMU says: " : "", words);
    qmp_migrate_info_clear(&info);
}

/* The status of a migration that is over; NULL for any other event. */
static const char *
get_final_status(const QmpEvent *event)
{
    static const char *const final[] = {"completed", "failed", "cancelled", NULL};
    const char *status =
        g_str_equal(event->name, "MIGRATION") ? qmp_json_get_string(event->data, "status") : NULL;

    return status && g_strv_contains(final, status) ? status : NULL;
}

static bool
is_stopped_for_copy(const Upgrade *upgrade)
{
    return upgrade->stops_first && upgrade->method->copies_memory;
}

/* When its copy will have stood still for too long, should it not move any more: at once when nobody is there to take it. */
static gint64
watch_copy(Upgrade *upgrade)
{
    guint64 total_bytes = upgrade_get_memory_bytes(upgrade), resident_bytes = 0;
    gint64 cpu_us = 0;

    if (!upgrade_stall_read(&upgrade_get_target(upgrade)->process, &resident_bytes, &cpu_us)) {
        upgrade->stall = (UpgradeStall){0};
        return 0;
    }
    upgrade_stall_note(&upgrade->stall, resident_bytes, cpu_us, total_bytes, g_get_monotonic_time());
    return upgrade_stall_get_deadline_us(&upgrade->stall);
}

/*
 * A guest that QEMU has stopped, all but the rest being sent, stands for some milliseconds, or as long as the rest of its
 * memory may take; a target that does not take it (it hangs in a device, say) is given up long before the whole time is over.
 * One that was stopped for its copy must not stand longer than the operator allows, nor once its copy does not get on.
 * G_MAXINT64 while it runs, and where nothing bounds it.
 */
static gint64
get_stand_deadline_us(const Upgrade *upgrade)
{
    gint64 allowed_ms = upgrade->request.max_downtime_ms;

    if (is_stopped_for_copy(upgrade))
        return allowed_ms > 0 ? upgrade->stopped_us + allowed_ms * 1000 : G_MAXINT64;
    if (upgrade->stops_first)
        return upgrade->stopped_us + UPGRADE_TIMEOUT_RUN_MS * G_GINT64_CONSTANT(1000);
    return upgrade->source_stopped ? upgrade->times.stop_seen_us + (UPGRADE_TIMEOUT_RUN_MS + allowed_ms) * 1000
                                   : G_MAXINT64;
}

/* As of now: to be asked anew before the time is taken to be over. */
static QmpWait
wait_for_completion(Upgrade *upgrade)
{
    QmpWait wait = upgrade->wait;

    wait.deadline_us = MIN(wait.deadline_us, get_stand_deadline_us(upgrade));
    if (is_stopped_for_copy(upgrade))
        wait.deadline_us = MIN(wait.deadline_us, watch_copy(upgrade));
    return wait;
}

/* Its source goes through the rest of the memory before it says so. */
static void
explain_end(const Upgrade *upgrade, GError **error)
{
    g_autofree char *words = guest_spawn_dup_last_words(upgrade_get_target_paths(upgrade));

    g_clear_error(error);
    guest_error_set(error, GUEST_ERROR_FAILED, "migration-failed", "see the message: it is QEMU's own",
                    "the new QEMU has ended: %s", *words ? words : "it does not say why");
}

static void
explain_late(const Upgrade *upgrade, GError **error)
{
    gint64 now_us = g_get_monotonic_time();

    if (is_stopped_for_copy(upgrade) && upgrade->stall.moved_us == 0)
        explain_end(upgrade, error);
    else if (is_stopped_for_copy(upgrade) && now_us >= get_stand_deadline_us(upgrade))
        guest_error_wrap(error, GUEST_ERROR_TIMED_OUT, "downtime-too-long", "allow more with --max-downtime",
                         "the guest stood still for as long as is allowed");
    else if (is_stopped_for_copy(upgrade) && now_us >= upgrade_stall_get_deadline_us(&upgrade->stall))
        guest_error_wrap(error, GUEST_ERROR_TIMED_OUT, "migration", "see the log of the new QEMU",
                         "the new QEMU takes no more of the guest's memory");
    else if (now_us >= get_stand_deadline_us(upgrade))
        guest_error_wrap(error, GUEST_ERROR_TIMED_OUT, "migration", "see the log of the new QEMU",
                         "the new QEMU does not take the rest of the guest's state");
    else if (is_stopped_for_copy(upgrade))
        guest_error_wrap(error, GUEST_ERROR_TIMED_OUT, "timeout", "give it longer (--timeout)",
                         "the guest's memory could not be copied in time");
    else if (upgrade->method->copies_memory)
        guest_error_wrap(error, GUEST_ERROR_TIMED_OUT, "timeout",
                         "give it longer (--timeout), or allow a longer pause at its end (--max-downtime)",
                         "the guest changes its memory faster than it can be copied");
    else
        guest_error_wrap(error, GUEST_ERROR_FAILED, "migration", NULL, "waiting for the hand-over");
}

static void
explain_wait(const Upgrade *upgrade, GError **error)
{
    if (g_error_matches(error ? *error : NULL, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT))
        explain_late(upgrade, error);
    else
        guest_error_wrap(error, GUEST_ERROR_FAILED, "migration", NULL, "waiting for the hand-over");
}

static void
tell_copied(Upgrade *upgrade, const QmpWait *wait)
{
    QmpWait limit = qmp_wait_within(wait, UPGRADE_TIMEOUT_OBSERVE_MS);
    QmpMigrateInfo info = {0};

    if (!qmp_query_migrate(upgrade_get_source(upgrade)->monitor, &limit, &info, NULL))
        return;
    if (info.ram_total_bytes > 0)
        upgrade_tell(upgrade, upgrade_phase_to_string(UPGRADE_PHASE_PERFORM), upgrade->record->step,
                     MAX(info.ram_total_bytes - info.ram_remaining_bytes, 0), info.ram_total_bytes);
    qmp_migrate_info_clear(&info);
}

/* The next event. While memory is copied, whoever watches is told meanwhile how much. */
static QmpEvent *
await_event(Upgrade *upgrade, GError **error)
{
    for (;;) {
        g_autoptr(GError) local = NULL;
        QmpWait wait = wait_for_completion(upgrade);
        QmpWait interval = qmp_wait_within(&wait, UPGRADE_PROGRESS_INTERVAL_MS);
        bool is_told = upgrade->method->copies_memory;
        QmpEvent *event = upgrade_events_next_source(upgrade, is_told ? &interval : &wait, &local);
        if (event)
            return event;
        wait = wait_for_completion(upgrade);
        if (!is_told || !g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT) ||
            qmp_wait_check(&wait) != QMP_WAIT_READY) {
            g_propagate_error(error, g_steal_pointer(&local));
            return NULL;
        }
        tell_copied(upgrade, &wait);
    }
}

bool
perform_complete(Upgrade *upgrade, GError **error)
{
    for (;;) {
        g_autoptr(QmpEvent) event = await_event(upgrade, error);
        if (!event) {
            explain_wait(upgrade, error);
            return false;
        }
        const char *status = get_final_status(event);
        if (!status)
            continue;
        if (!g_str_equal(status, "completed")) {
            upgrade_hold_back(upgrade);
            explain_failure(upgrade, status, error);
            return false;
        }
        upgrade_taps_steer_again(upgrade);
        upgrade_events_collect(upgrade);
        /* A QEMU that runs stops with an event before it is done: this one had been paused at the last moment. */
        if (!upgrade->source_stopped)
            upgrade->source_was_running = upgrade->record->source_was_running = false;
        upgrade_cookie_perform(upgrade);
        return true;
    }
}
