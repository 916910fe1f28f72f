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

#include "guest/error.h"
#include "guest/hold.h"
#include "process/freeze.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/crash.h"
#include "upgrade/events.h"
#include "upgrade/phase.h"
#include "upgrade/taps.h"
#include "upgrade/timeouts.h"

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
    return upgrade->seen.source != RECOVER_SOURCE_HOLDS && !upgrade->has_choice;
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

static bool
secure_target(Upgrade *upgrade, const GuestInstance *target, GError **error)
{
    bool has_stopped = process_freeze(target->pidfd, target->process.pid, UPGRADE_TIMEOUT_FREEZE_MS, error);

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
    if (target->pidfd >= 0 && !secure_target(upgrade, target, error))
        return false;
    if (target->pidfd >= 0 && process_kill_and_reap(target->pidfd, UPGRADE_TIMEOUT_KILL_MS, &upgrade->target_end, &local)) {
        upgrade_taps_restore(upgrade, NULL); /* before the source runs; what fails is told by prepare_handover_undo */
        return true;
    }
    guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "target-unkillable", "see its process state; it may hang in the kernel",
                    "the target does not die, so the source must not run: %s", local ? local->message : "it cannot be opened");
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

typedef enum { SOURCE_HAS_GUEST, SOURCE_STOPPED, SOURCE_ENDING_MIGRATION, SOURCE_MIGRATES, SOURCE_LOST } SourceState;

/*
 * Only where a completed migration has left it is a source resumed by us. After a failed or cancelled one QEMU does that
 * itself, and 10.0 leaves it paused when its disks cannot be taken back. A guest that has panicked, or waits for space on
 * its disk, does so in the source as it would have without us.
 */
static SourceState
classify(const QmpMigrateInfo *info, const QmpStatus *status, bool was_running)
{
    static const char *const idle[] = {"none", "completed", "failed", "cancelled", NULL};

    if (!g_strv_contains(idle, info->status))
        return SOURCE_MIGRATES;
    if (g_str_equal(status->status, "finish-migrate"))
        return SOURCE_ENDING_MIGRATION;
    /* It was paused and shall be: only the label that a completed migration leaves behind differs. */
    if (!was_running)
        return SOURCE_HAS_GUEST;
    bool stands = g_str_equal(status->status, "postmigrate") || g_str_equal(status->status, "paused");
    return stands ? SOURCE_STOPPED : SOURCE_HAS_GUEST;
}

static SourceState
ask_source(const GuestInstance *source, bool was_running, const QmpWait *wait, GError **error)
{
    QmpMigrateInfo info = {0};
    QmpStatus status = {0};
    SourceState state = SOURCE_LOST;

    if (qmp_query_migrate(source->monitor, wait, &info, error) && qmp_query_status(source->monitor, wait, &status, error))
        state = classify(&info, &status, was_running);
    qmp_status_clear(&status);
    qmp_migrate_info_clear(&info);
    return state;
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

static bool
resume_source(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    bool cancelled = false, resumed = false;

    for (;;) {
        switch (ask_source(source, upgrade->source_was_running, wait, error)) {
        case SOURCE_HAS_GUEST:
            return true;
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
            if (!may_resume(upgrade, error) || !qmp_cont(source->monitor, wait, error))
                return false;
            resumed = true;
            break;
        }
    }
}

bool
upgrade_hand_back(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RESUME_MS, -1);
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
