/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one rule without exception lives here: the target is dead before the source is touched. A `migrate_cancel` that
 * raced with the target's last acknowledgement would otherwise leave two running.
 */
#include "upgrade/handback.h"

#include "guest/error.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/events.h"
#include "upgrade/timeouts.h"

static bool
kill_target(Upgrade *upgrade, GError **error)
{
    GuestInstance *target = upgrade_get_target(upgrade);

    if (!target || target->pidfd < 0)
        return true;
    if (process_kill_and_reap(target->pidfd, UPGRADE_TIMEOUT_KILL_MS, NULL, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_NEEDS_OPERATOR, "target-unkillable", "see its process state; it may hang in the kernel",
                     "the target does not die, so the source must not run");
    return false;
}

/* A source that resumes by itself needs no certainty of ours; one that we would resume does. */
static bool
may_resume(Upgrade *upgrade, GError **error)
{
    UpgradeRan ran = upgrade_events_target_ran(upgrade);

    if (!upgrade_record_save(upgrade->record, upgrade->environment->dirs, error))
        g_clear_error(error); /* the decision stands without its note */
    if (ran == UPGRADE_RAN_NO)
        return true;
    guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "target-ran", "see moult show",
                    ran == UPGRADE_RAN_YES ? "the target had run the guest: the source must not run it again"
                                           : "whether the target had run the guest is not known");
    return false;
}

typedef enum { SOURCE_HAS_GUEST, SOURCE_STOPPED, SOURCE_MIGRATES, SOURCE_LOST } SourceState;

static SourceState
ask_source(const GuestInstance *source, bool was_running, const QmpWait *wait, GError **error)
{
    static const char *const idle[] = {"none", "completed", "failed", "cancelled", NULL};
    QmpMigrateInfo info = {0};
    QmpStatus status = {0};
    SourceState state = SOURCE_LOST;

    if (qmp_query_migrate(source->monitor, wait, &info, error) && qmp_query_status(source->monitor, wait, &status, error)) {
        if (!g_strv_contains(idle, info.status))
            state = SOURCE_MIGRATES;
        else if (was_running)
            state = status.running ? SOURCE_HAS_GUEST : SOURCE_STOPPED;
        else /* it was paused and shall be: only the label that a completed migration leaves behind differs */
            state = SOURCE_HAS_GUEST;
    }
    qmp_status_clear(&status);
    qmp_migrate_info_clear(&info);
    return state;
}

/* Blocks until the migration has changed its state; a cancelled one announces its end. */
static bool
await_change(const GuestInstance *source, const QmpWait *wait, GError **error)
{
    g_autoptr(QmpEvent) event = qmp_client_wait_event(source->monitor, "MIGRATION", wait, error);

    return event != NULL;
}

static bool
resume_source(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    bool cancelled = false;

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
            if (!await_change(source, wait, error))
                return false;
            break;
        case SOURCE_STOPPED:
            /* After a failed or cancelled migration QEMU resumes by itself; after a completed one we have to. */
            if (!may_resume(upgrade, error) || !qmp_cont(source->monitor, wait, error))
                return false;
            break;
        }
    }
}

bool
upgrade_hand_back(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RESUME_MS, -1);
    const GuestInstance *source = upgrade_get_source(upgrade);

    if (!kill_target(upgrade, error))
        return false;
    if (process_has_exited(source->pidfd))
        return true; /* nobody to give it back to; the caller looks again */
    if (source->monitor && resume_source(upgrade, &limit, error))
        return true;
    if (error && !*error)
        guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "source-mute", "see moult show", "the source has no monitor");
    guest_error_wrap(error, GUEST_ERROR_NEEDS_OPERATOR, "source-not-resumed", "see moult show",
                     "the source does not get the guest back");
    return false;
}
