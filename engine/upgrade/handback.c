/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one rule without exception lives here: the target is dead before the source is touched. A `migrate_cancel` that
 * raced with the target's last acknowledgement would otherwise leave two running.
 *
 * And its sister: a target that may have been given the guest is not killed unless it certainly never ran it. Between the
 * look that said "it waits" and the kill, it may have started; killed then, the guest would be lost. So it is stopped first,
 * and what it has written by then decides.
 */
#include "upgrade/handback.h"

#include <poll.h>

#include "guest/error.h"
#include "guest/hold.h"
#include "process/freeze.h"
#include "process/proc.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/crash.h"
#include "upgrade/events.h"
#include "upgrade/kill.h"
#include "upgrade/phase.h"
#include "upgrade/taps.h"
#include "upgrade/timeouts.h"

/* What a QEMU that waits does not do within a second. */
#define BUSY_US 1000
/* As much slower than expected as a node may be. */
#define BUSY_FACTOR 8

static bool
refuse_ran(UpgradeRan ran, GError **error)
{
    guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "target-ran", "see moult show",
                    ran == UPGRADE_RAN_YES ? "the target had run the guest: the source must not run it again"
                                           : "whether the target had run the guest is not known");
    return false;
}

/* A source that has the guest by itself has not handed it over; and the operator may know what we do not. */
static bool
needs_proof(const Upgrade *upgrade)
{
    return !recover_source_has_guest(upgrade->seen.source) && !upgrade->has_choice;
}

/* The target stands still: what it has written is all that it did. */
static bool
has_not_run(Upgrade *upgrade, GError **error)
{
    bool is_whole = upgrade_events_drain_target(upgrade);
    UpgradeRan ran = is_whole ? upgrade_events_ran_so_far(upgrade) : upgrade->record->target_ran;

    if (ran == UPGRADE_RAN_NO || (ran == UPGRADE_RAN_UNKNOWN && !needs_proof(upgrade)))
        return true;
    return refuse_ran(ran, error);
}

bool
upgrade_stop_target(Upgrade *upgrade, GError **error)
{
    const GuestInstance *target = upgrade_get_target(upgrade);
    bool has_stopped = process_freeze(target->pidfd, target->process.pid, UPGRADE_TIMEOUT_FREEZE_MS, error);

    upgrade->is_resisted = upgrade->is_resisted || !has_stopped;
    if (!has_stopped)
        guest_error_wrap(error, GUEST_ERROR_FAILED, "target-unstoppable", NULL, "the target");
    upgrade_crash_point(UPGRADE_STEP_MIGRATE, UPGRADE_CRASH_FROZEN);
    if (has_stopped && has_not_run(upgrade, error))
        return true;
    process_thaw(target->pidfd, NULL);
    return false;
}

static bool
kill_target(Upgrade *upgrade, GError **error)
{
    GuestInstance *target = upgrade_get_target(upgrade);
    g_autoptr(GError) local = NULL;

    if (!target || guest_has_ended(target, upgrade_get_target_paths(upgrade)))
        return true;
    if (target->pidfd >= 0 && !upgrade_stop_target(upgrade, error))
        return false;
    if (upgrade_kill(target, 0, &upgrade->target_end, &local)) {
        upgrade_taps_restore(upgrade, NULL); /* before the source runs; what fails is told by prepare_handover_undo */
        return true;
    }
    upgrade->is_resisted = true;
    guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "target-unkillable", "see its process state; it may hang in the kernel",
                    "the target does not die, so the source must not run: %s", local->message);
    return false;
}

/* A source that resumes by itself needs no certainty of ours; one that we would resume does. */
static bool
may_resume(Upgrade *upgrade, GError **error)
{
    UpgradeRan ran = upgrade_events_target_ran(upgrade);

    if (!upgrade_record_save(upgrade->record, upgrade->environment->dirs, error))
        g_clear_error(error); /* the decision stands without its note */
    return ran == UPGRADE_RAN_NO || upgrade->has_choice || refuse_ran(ran, error);
}

typedef enum {
    SOURCE_HAS_GUEST,
    SOURCE_RUNS,
    SOURCE_STOPPED,
    SOURCE_ENDING_MIGRATION,
    SOURCE_MIGRATES,
    SOURCE_LOST
} SourceState;

/*
 * Where a completed migration has left it, or where we held it back, a source is resumed by us. After a failed or cancelled
 * migration QEMU does that itself, with or without its disks. A guest that has panicked, or waits for space on its disk,
 * does so in the source as it would have without us.
 */
static SourceState
classify(const QmpMigrateInfo *info, const QmpStatus *status, bool was_running)
{
    if (!qmp_migrate_info_is_idle(info))
        return SOURCE_MIGRATES;
    if (g_str_equal(status->status, "finish-migrate"))
        return SOURCE_ENDING_MIGRATION;
    /* It was paused and shall be: only the label that a completed migration leaves behind differs. */
    if (!was_running)
        return SOURCE_HAS_GUEST;
    bool stands = g_str_equal(status->status, "postmigrate") || g_str_equal(status->status, "paused");
    if (stands)
        return SOURCE_STOPPED;
    return status->running ? SOURCE_RUNS : SOURCE_HAS_GUEST;
}

static SourceState
ask_once(const Upgrade *upgrade, const QmpWait *whole, GError **error)
{
    /* One that has not answered may have waited for the target, and does so now, or for something else. */
    bool was_mute = upgrade->seen.source == RECOVER_SOURCE_MUTE;
    QmpWait wait = qmp_wait_within(whole, was_mute ? UPGRADE_TIMEOUT_GLANCE_MS : UPGRADE_TIMEOUT_OBSERVE_MS);
    QmpClient *monitor = upgrade_get_source(upgrade)->monitor;
    QmpMigrateInfo info = {0};
    QmpStatus status = {0};
    SourceState state = SOURCE_LOST;

    if (monitor && qmp_query_migrate(monitor, &wait, &info, error) && qmp_query_status(monitor, &wait, &status, error))
        state = classify(&info, &status, upgrade->source_was_running);
    qmp_status_clear(&status);
    qmp_migrate_info_clear(&info);
    return state;
}

/* Its processors stand still: whatever it does is QEMU's own. */
static gint64
measure_work_us(const Upgrade *upgrade)
{
    gint64 cpu_us = 0;

    return process_proc_get_cpu_time(upgrade_get_source(upgrade)->process.pid, &cpu_us, NULL) ? cpu_us : 0;
}

/*
 * A QEMU 7.2 that was sending the memory of a guest that stands goes through all that is left of it before it notices that
 * nobody takes it any more, and answers only then: it is asked again for as long as it works.
 */
static SourceState
ask_source(const Upgrade *upgrade, const QmpWait *whole, GError **error)
{
    bool may_be_busy = upgrade->stops_first && upgrade_get_copy_ms(upgrade) > 0;

    for (;;) {
        gint64 before_us = measure_work_us(upgrade);
        g_autoptr(GError) local = NULL;
        SourceState state = ask_once(upgrade, whole, &local);
        bool is_busy = may_be_busy && g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT) &&
                       measure_work_us(upgrade) > before_us + BUSY_US && qmp_wait_check(whole) == QMP_WAIT_READY;
        if (is_busy)
            continue;
        if (local)
            g_propagate_error(error, g_steal_pointer(&local));
        return state;
    }
}

/*
 * Until the source says something of itself: a migration announces its end, a resumed guest its run. A guest that was paused
 * goes back to that without a word, so not for long.
 */
static void
await_change(Upgrade *upgrade, const QmpWait *wait)
{
    QmpWait limit = qmp_wait_within(wait, UPGRADE_TIMEOUT_QUIET_MS);

    qmp_event_free(upgrade_events_next_source(upgrade, &limit, NULL));
}

/*
 * `cont` takes the disks of a QEMU that has handed them over, whether it runs or not, and says so when it may not: somebody
 * else holds a lock on an image (measured: 7.2, 10.0). A QEMU whose migration has failed resumes all the same, and the guest's
 * first write then ends it (bdrv_co_write_req_prepare asserts that its image is active): it is stopped before.
 */
static bool
take_disks(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpClient *monitor = upgrade_get_source(upgrade)->monitor;
    g_autoptr(GError) local = NULL;

    if (qmp_cont(monitor, wait, &local))
        return true;
    if (g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE))
        qmp_stop(monitor, wait, NULL);
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

void
upgrade_hold_back(Upgrade *upgrade)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);

    if (ask_source(upgrade, &limit, NULL) != SOURCE_RUNS)
        return;
    /* Its RESUME came before the end of the connection that the source has noticed. */
    upgrade_events_collect(upgrade);
    if (upgrade->record->target_ran == UPGRADE_RAN_YES)
        qmp_stop(upgrade_get_source(upgrade)->monitor, &limit, NULL);
    else
        take_disks(upgrade, &limit, NULL);
}

/* For as long as we are patient: a lock that is held for a moment, by whoever looks at the image, is none to give up for. */
static bool
take_disks_patiently(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    g_autoptr(GError) refusal = NULL;

    while (qmp_wait_check(wait) == QMP_WAIT_READY) {
        g_autoptr(GError) local = NULL;
        QmpWait pause = qmp_wait_within(wait, UPGRADE_TIMEOUT_RETRY_MS);
        if (take_disks(upgrade, wait, &local))
            return true;
        bool is_refused = g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE);
        if (is_refused || !refusal) {
            g_clear_error(&refusal);
            refusal = g_steal_pointer(&local);
        }
        if (!is_refused)
            break;
        qmp_wait_poll(&pause, upgrade_get_source(upgrade)->pidfd, POLLIN); /* or it ends */
    }
    upgrade->is_held_back = g_error_matches(refusal, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE);
    if (refusal)
        g_propagate_error(error, g_steal_pointer(&refusal));
    else
        g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT, "no time is left to let it run");
    return false;
}

static bool
resume_source(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    bool cancelled = false, resumed = false;

    for (;;) {
        switch (ask_source(upgrade, wait, error)) {
        case SOURCE_HAS_GUEST:
            return true;
        case SOURCE_RUNS:
            if (resumed)
                return true;
            if (!take_disks_patiently(upgrade, wait, error))
                return false;
            resumed = true;
            break;
        case SOURCE_LOST:
            return false;
        case SOURCE_MIGRATES:
            if (!cancelled && !qmp_migrate_cancel(source->monitor, wait, error))
                return false;
            cancelled = true;
            await_change(upgrade, wait);
            break;
        case SOURCE_ENDING_MIGRATION:
            await_change(upgrade, wait);
            break;
        case SOURCE_STOPPED:
            if (resumed)
                return true; /* it did run: somebody has paused it since */
            if (!may_resume(upgrade, error) || !take_disks_patiently(upgrade, wait, error))
                return false;
            resumed = true;
            break;
        }
    }
}

/* On a busy node, too: it is a guest that stands, and while its source works there is nothing else to wait for. */
static QmpWait
get_resume_limit(const Upgrade *upgrade)
{
    return qmp_wait_from_now(UPGRADE_TIMEOUT_RESUME_MS + BUSY_FACTOR * upgrade_get_copy_ms(upgrade), -1);
}

void
upgrade_await_source(Upgrade *upgrade)
{
    QmpWait limit = get_resume_limit(upgrade);

    ask_source(upgrade, &limit, NULL);
}

bool
upgrade_hand_back(Upgrade *upgrade, GError **error)
{
    QmpWait limit = get_resume_limit(upgrade);
    GuestInstance *source = upgrade_get_source(upgrade);

    if (!kill_target(upgrade, error))
        return false;
    if (guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return true; /* nobody to give it back to; the caller looks again */
    if (!source->monitor)
        guest_connect(source, upgrade_get_source_paths(upgrade));
    if (source->monitor && resume_source(upgrade, &limit, error))
        return true;
    if (!source->monitor)
        guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "source-mute", "see moult show", "the source has no monitor");
    guest_error_wrap(error, GUEST_ERROR_NEEDS_OPERATOR, "source-not-resumed", "see moult show",
                     "the source does not get the guest back");
    return false;
}
