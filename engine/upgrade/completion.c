/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/completion.h"

#include "guest/error.h"
#include "guest/log.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/events.h"
#include "upgrade/phase.h"
#include "upgrade/timeouts.h"

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
    g_autofree char *words = guest_log_dup_last_words(upgrade_get_target(upgrade), upgrade_get_target_paths(upgrade));

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

static bool
is_final(const char *status)
{
    static const char *const final[] = {"completed", "failed", "cancelled", NULL};

    return status && g_strv_contains(final, status);
}

/* ---- A source that announces it ---- */

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

static char *
await_announcement(Upgrade *upgrade, GError **error)
{
    for (;;) {
        g_autoptr(QmpEvent) event = await_event(upgrade, error);
        if (!event)
            return NULL;
        const char *status = g_str_equal(event->name, "MIGRATION") ? qmp_json_get_string(event->data, "status") : NULL;
        if (is_final(status))
            return g_strdup(status);
    }
}

/* ---- A source that is asked ---- */

/* The target has the guest, or is gone; or the source has it again. */
static bool
seems_over(const Upgrade *upgrade)
{
    const GuestInstance *target = upgrade_get_target(upgrade);

    return upgrade->record->target_ran == UPGRADE_RAN_YES || upgrade->target_loaded || upgrade->source_went_on ||
           qmp_client_get_state(target->monitor) == QMP_CLIENT_CLOSED;
}

/*
 * Until it seems to be over, and no longer than one may go without a question. FALSE when WAIT is over. What the source says
 * meanwhile is read afterwards: to be woken by its STOP would take its time from the guest.
 */
static bool
await_sign(Upgrade *upgrade, const QmpWait *wait)
{
    bool seems = seems_over(upgrade);
    QmpWait limit = qmp_wait_within(wait, seems ? UPGRADE_TIMEOUT_AGAIN_MS : UPGRADE_TIMEOUT_QUIET_MS);

    if (seems)
        qmp_wait_poll(&limit, -1, 0);
    while (!seems_over(upgrade) && upgrade_events_wait_target(upgrade, &limit, NULL))
        continue;
    upgrade_events_collect(upgrade);
    return qmp_wait_check(wait) == QMP_WAIT_READY;
}

static char *
ask(Upgrade *upgrade, GError **error)
{
    for (;;) {
        g_autoptr(GError) local = NULL;
        QmpMigrateInfo info = {0};
        QmpWait wait = wait_for_completion(upgrade);
        bool is_late = !await_sign(upgrade, &wait);
        wait = wait_for_completion(upgrade);
        /* One that is over fails without having asked. */
        QmpWait limit = is_late ? wait : qmp_wait_within(&wait, UPGRADE_TIMEOUT_GLANCE_MS);
        bool is_told = qmp_query_migrate(upgrade_get_source(upgrade)->monitor, &limit, &info, &local);
        g_autofree char *status = is_told ? g_strdup(info.status) : NULL;
        qmp_migrate_info_clear(&info);
        if (is_final(status))
            return g_steal_pointer(&status);
        if (is_told || (g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT) &&
                        qmp_wait_check(&wait) == QMP_WAIT_READY))
            continue;
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
}

bool
upgrade_asks_for_end(const Upgrade *upgrade)
{
    return upgrade_expects_run(upgrade) && !upgrade->method->copies_memory;
}

char *
upgrade_await_end(Upgrade *upgrade, GError **error)
{
    char *status = upgrade_asks_for_end(upgrade) ? ask(upgrade, error) : await_announcement(upgrade, error);

    if (!status)
        explain_wait(upgrade, error);
    return status;
}
