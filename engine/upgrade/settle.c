/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Observe, decide, act; then look again, for acting may have changed the answer (a source can die while it gets
 * the guest back). The rounds are bounded: what does not settle needs an operator.
 */
#include "upgrade/settle.h"

#include "guest/error.h"
#include "qmp/json.h"
#include "upgrade/driver.h"
#include "upgrade/events.h"
#include "upgrade/observe.h"
#include "upgrade/phase.h"
#include "upgrade/timeouts.h"

#define MAX_ROUNDS 4

typedef enum { SETTLED, LOOK_AGAIN } SettleResult;

static void
keep_first_error(Upgrade *upgrade, GError *error)
{
    if (!upgrade->error)
        upgrade->error = error;
    else
        g_clear_error(&error);
}

static void
end_record(Upgrade *upgrade)
{
    g_autoptr(GError) error = NULL;

    if (!upgrade_record_remove(upgrade->record, upgrade->environment->dirs, &error))
        g_ptr_array_add(upgrade->warnings, g_strdup_printf("journal: %s", error->message));
}

static void
mark_needs_operator(Upgrade *upgrade, const RecoverObserved *seen)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    g_autoptr(GError) error = NULL;

    json_object_put(source->evidence);
    source->evidence = upgrade_evidence(upgrade, seen);
    qmp_json_add_string(source->evidence, "error", upgrade->error ? upgrade->error->message : NULL);
    objlist_domain_set_state(upgrade->source, OBJLIST_DOMAIN_NEEDS_OPERATOR);
    upgrade->outcome = UPGRADE_OUTCOME_NEEDS_OPERATOR;
    if (!upgrade_record_save(upgrade->record, upgrade->environment->dirs, &error))
        g_ptr_array_add(upgrade->warnings, g_strdup_printf("journal: %s", error->message));
}

static SettleResult
roll_back(Upgrade *upgrade, int last)
{
    GError *error = NULL;

    if (!upgrade_drive_back(upgrade, last, &error)) {
        g_ptr_array_add(upgrade->warnings, g_strdup(error->message));
        g_clear_error(&error);
        return LOOK_AGAIN;
    }
    if (process_has_exited(upgrade_get_source(upgrade)->pidfd))
        return LOOK_AGAIN; /* it ended on the way back */
    end_record(upgrade);
    upgrade->outcome = UPGRADE_OUTCOME_ROLLED_BACK;
    return SETTLED;
}

static SettleResult
roll_forward(Upgrade *upgrade)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RUN_MS, -1);
    GError *error = NULL;
    int failed = 0;

    g_atomic_int_set(&upgrade->passed_no_return, 1);
    upgrade->record->aborting = false;
    if (!upgrade_let_run(upgrade, &limit, &error)) {
        g_ptr_array_add(upgrade->warnings, g_strdup(error->message));
        g_clear_error(&error);
    }
    upgrade_drive(upgrade, upgrade_step_find(UPGRADE_STEP_PROVE) + 1, &failed, NULL);
    end_record(upgrade);
    g_clear_error(&upgrade->error);
    upgrade->outcome = UPGRADE_OUTCOME_UPGRADED;
    return SETTLED;
}

/* There is no guest to save; what is left of both goes. */
static SettleResult
bury(Upgrade *upgrade, int last, const RecoverObserved *seen)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    GuestInstance *target = upgrade_get_target(upgrade);
    GError *error = NULL;

    if (source->pidfd >= 0)
        process_kill_and_reap(source->pidfd, UPGRADE_TIMEOUT_KILL_MS, NULL, NULL);
    if (target && target->pidfd >= 0)
        process_kill_and_reap(target->pidfd, UPGRADE_TIMEOUT_KILL_MS, NULL, NULL);
    if (!upgrade_drive_back(upgrade, last, &error)) {
        g_ptr_array_add(upgrade->warnings, g_strdup(error->message));
        g_clear_error(&error);
    }
    guest_error_set(&error, GUEST_ERROR_FAILED, "guest-ended", "see moult history and the guest's log", "%s%s%s",
                    recover_explain(recover_stage_of(upgrade->record), seen), upgrade->error ? ": " : "",
                    upgrade->error ? upgrade->error->message : "");
    g_clear_error(&upgrade->error);
    upgrade->error = error;
    end_record(upgrade);
    upgrade->outcome = UPGRADE_OUTCOME_FAILED;
    upgrade->guest_ended = true;
    return SETTLED;
}

/* Lets what moves by itself come to rest: until the target resumes or ends, and no longer than it may take. */
static void
wait_a_while(Upgrade *upgrade)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RUN_MS, -1);
    GuestInstance *target = upgrade_get_target(upgrade);

    if (!target || !target->monitor || upgrade->record->target_ran == UPGRADE_RAN_YES)
        return;
    g_autoptr(QmpEvent) event = qmp_client_wait_event(target->monitor, "RESUME", &limit, NULL);
    if (event) {
        upgrade->resume_us = event->timestamp_us;
        upgrade->record->target_ran = UPGRADE_RAN_YES;
    }
}

static SettleResult
act(Upgrade *upgrade, int last, RecoverAction action, const RecoverObserved *seen)
{
    switch (action) {
    case RECOVER_ROLL_BACK:
        return roll_back(upgrade, last);
    case RECOVER_ROLL_FORWARD:
        return roll_forward(upgrade);
    case RECOVER_ENDED:
        return bury(upgrade, last, seen);
    case RECOVER_WAIT:
        wait_a_while(upgrade);
        return LOOK_AGAIN;
    case RECOVER_NEEDS_OPERATOR:
        mark_needs_operator(upgrade, seen);
        return SETTLED;
    }
    g_assert_not_reached();
}

void
upgrade_settle(Upgrade *upgrade, int last)
{
    g_autoptr(GError) error = NULL;
    RecoverObserved seen = {0};

    upgrade->record->aborting = true;
    if (!upgrade_record_save(upgrade->record, upgrade->environment->dirs, &error))
        keep_first_error(upgrade, g_steal_pointer(&error)); /* the way back must not depend on disk space */
    for (int round = 0; round < MAX_ROUNDS; round++) {
        seen = upgrade_observe(upgrade, round > 0);
        RecoverAction action = recover_decide(recover_stage_of(upgrade->record), &seen);
        if (act(upgrade, last, action, &seen) == SETTLED)
            return;
    }
    mark_needs_operator(upgrade, &seen);
}
