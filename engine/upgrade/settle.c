/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Observe, decide, act; then look again, for acting may have changed the answer (a source can die while it gets
 * the guest back). The rounds are bounded: what does not settle needs an operator.
 */
#include "upgrade/settle.h"

#include "guest/error.h"
#include "guest/hold.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/driver.h"
#include "upgrade/events.h"
#include "upgrade/observe.h"
#include "upgrade/phase.h"
#include "upgrade/timeouts.h"

#define MAX_ROUNDS 5

typedef enum { SETTLED, LOOK_AGAIN } SettleResult;

static void
warn(Upgrade *upgrade, const char *what, GError *error)
{
    g_ptr_array_add(upgrade->warnings, g_strdup_printf("%s: %s", what, error ? error->message : "failed"));
    g_clear_error(&error);
}

/* The way back must not depend on disk space. */
static void
save_record(Upgrade *upgrade)
{
    GError *error = NULL;

    if (!upgrade_record_save(upgrade->record, upgrade->environment->dirs, &error))
        warn(upgrade, "journal", error);
}

static void
end_record(Upgrade *upgrade)
{
    GError *error = NULL;

    if (!upgrade_record_remove(upgrade->record, upgrade->environment->dirs, &error))
        warn(upgrade, "journal", error);
}

/* A restored upgrade has its target in the remote tables, wherever the one before had come to. */
static void
forget_target(Upgrade *upgrade)
{
    if (upgrade->target)
        objlist_tables_remove_remote(upgrade->environment->tables, upgrade->target);
}

static void
mark_needs_operator(Upgrade *upgrade)
{
    const char *last_trouble =
        upgrade->warnings->len > 0 ? g_ptr_array_index(upgrade->warnings, upgrade->warnings->len - 1) : NULL;

    json_object_put(upgrade->evidence);
    upgrade->evidence = upgrade_evidence(upgrade);
    qmp_json_add_string(upgrade->evidence, "error", upgrade->error ? upgrade->error->message : NULL);
    qmp_json_add_string(upgrade->evidence, "trouble", last_trouble);
    upgrade->record->needs_operator = true;
    upgrade->outcome = UPGRADE_OUTCOME_NEEDS_OPERATOR;
    /* It stands for nothing while nobody decides; whoever takes the record up again puts it there anew. */
    forget_target(upgrade);
    if (!upgrade->record->is_guess)
        save_record(upgrade);
}

/* Its STOP and RESUME events were read as those of the upgrade; somebody else may have caused the last of them. */
static void
label_source(Upgrade *upgrade)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    const GuestInstance *source = upgrade_get_source(upgrade);
    QmpStatus status = {0};

    if (source->monitor && qmp_query_status(source->monitor, &limit, &status, NULL))
        objlist_domain_set_state(upgrade->source, status.running ? OBJLIST_DOMAIN_RUNNING : OBJLIST_DOMAIN_PAUSED);
    qmp_status_clear(&status);
}

static SettleResult
roll_back(Upgrade *upgrade, int last)
{
    GError *error = NULL;

    if (!upgrade_drive_back(upgrade, last, &error)) {
        warn(upgrade, "rolling back", error);
        return LOOK_AGAIN;
    }
    if (guest_has_ended(upgrade_get_source(upgrade), upgrade_get_source_paths(upgrade)))
        return LOOK_AGAIN; /* it ended on the way back */
    label_source(upgrade);
    forget_target(upgrade);
    end_record(upgrade);
    upgrade->outcome = UPGRADE_OUTCOME_ROLLED_BACK;
    return SETTLED;
}

static SettleResult
roll_forward(Upgrade *upgrade)
{
    GError *error = NULL;
    int failed = 0;

    g_atomic_int_set(&upgrade->passed_no_return, 1);
    upgrade->record->aborting = false;
    if (!upgrade_drive(upgrade, upgrade_step_find(UPGRADE_STEP_PROVE) + 1, &failed, &error)) {
        warn(upgrade, upgrade_steps[failed].name, error);
        return LOOK_AGAIN;
    }
    end_record(upgrade);
    g_clear_error(&upgrade->error);
    upgrade->outcome = UPGRADE_OUTCOME_UPGRADED;
    return SETTLED;
}

static void
kill_left(GuestInstance *instance, const PathsInstance *paths, ProcessExit *end)
{
    if (instance && !guest_has_ended(instance, paths) && instance->pidfd >= 0)
        process_kill_and_reap(instance->pidfd, UPGRADE_TIMEOUT_KILL_MS, end, NULL);
}

/* There is no guest to save; what is left of both goes. */
static SettleResult
bury(Upgrade *upgrade, int last)
{
    const char *why = recover_explain(recover_stage_of(upgrade->record), &upgrade->seen);
    /* Its end has cancelled what was waited for. */
    bool has_more = upgrade->error && guest_error_get_kind(upgrade->error) != GUEST_ERROR_CANCELLED;
    GError *error = NULL;

    kill_left(upgrade_get_source(upgrade), upgrade_get_source_paths(upgrade), &upgrade->source_end);
    kill_left(upgrade_get_target(upgrade), upgrade_get_target_paths(upgrade), &upgrade->target_end);
    if (!upgrade_drive_back(upgrade, last, &error))
        warn(upgrade, "cleaning up", g_steal_pointer(&error));
    guest_error_set(&error, GUEST_ERROR_FAILED, "guest-ended", "see moult history and the guest's log", "%s%s%s", why,
                    has_more ? ": " : "", has_more ? upgrade->error->message : "");
    g_clear_error(&upgrade->error);
    upgrade->error = error;
    forget_target(upgrade);
    end_record(upgrade);
    upgrade->outcome = UPGRADE_OUTCOME_FAILED;
    upgrade->guest_ended = true;
    return SETTLED;
}

/* Lets what moves by itself come to rest: until the target has loaded, resumes or ends, and no longer than it may take. */
static void
wait_a_while(Upgrade *upgrade)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RUN_MS, -1);
    const GuestInstance *target = upgrade_get_target(upgrade);

    if (target && target->monitor && qmp_client_get_state(target->monitor) != QMP_CLIENT_CLOSED)
        upgrade_events_await_load(upgrade, &limit, NULL);
    else if (target && target->pidfd >= 0)
        process_wait_exit(target->pidfd, UPGRADE_TIMEOUT_RUN_MS, -1, &upgrade->target_end, NULL);
}

static SettleResult
act(Upgrade *upgrade, int last, RecoverAction action)
{
    switch (action) {
    case RECOVER_ROLL_BACK:
        return roll_back(upgrade, last);
    case RECOVER_ROLL_FORWARD:
        return roll_forward(upgrade);
    case RECOVER_ENDED:
        return bury(upgrade, last);
    case RECOVER_WAIT:
        wait_a_while(upgrade);
        return LOOK_AGAIN;
    case RECOVER_NEEDS_OPERATOR:
        mark_needs_operator(upgrade);
        return SETTLED;
    }
    g_assert_not_reached();
}

/* What was learned of the target goes on record before it is acted upon: the next engine cannot learn it again. */
static void
look(Upgrade *upgrade, bool waited)
{
    UpgradeRan before = upgrade->record->target_ran;

    upgrade_observe(upgrade, waited);
    if (upgrade->record->target_ran != before)
        save_record(upgrade);
}

void
upgrade_settle(Upgrade *upgrade, int last)
{
    gint64 deadline_us = g_get_monotonic_time() + UPGRADE_TIMEOUT_SETTLE_MS * G_GINT64_CONSTANT(1000);
    bool waited = false;

    upgrade->record->aborting = true;
    save_record(upgrade);
    for (int round = 0; round < MAX_ROUNDS && g_get_monotonic_time() < deadline_us; round++) {
        look(upgrade, waited);
        RecoverAction action = recover_decide(recover_stage_of(upgrade->record), &upgrade->seen);
        if (act(upgrade, last, action) == SETTLED)
            return;
        waited = action == RECOVER_WAIT;
    }
    mark_needs_operator(upgrade);
}

void
upgrade_settle_look(Upgrade *upgrade)
{
    upgrade_observe(upgrade, true);
    mark_needs_operator(upgrade);
}

/* The other one first: nothing is allowed to run that the choice was not for. */
static SettleResult
keep(Upgrade *upgrade, int last)
{
    return upgrade->choice == RECOVER_KEEP_SOURCE ? roll_back(upgrade, last) : roll_forward(upgrade);
}

bool
upgrade_settle_choice(Upgrade *upgrade, int last, RecoverKeep choice, GError **error)
{
    upgrade_observe(upgrade, true);
    const char *refusal = recover_refuse_choice(recover_stage_of(upgrade->record), &upgrade->seen, choice);

    if (refusal) {
        mark_needs_operator(upgrade);
        guest_error_set(error, GUEST_ERROR_REFUSED, "choice-refused", "see the evidence in moult show", "%s", refusal);
        return false;
    }
    upgrade->has_choice = true;
    upgrade->choice = choice;
    upgrade->record->is_guess = false; /* from here on it is a decision */
    if (keep(upgrade, last) == SETTLED)
        return true;
    upgrade_observe(upgrade, true);
    mark_needs_operator(upgrade);
    guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "not-resolved", "see the evidence in moult show", "%s",
                    (const char *)g_ptr_array_index(upgrade->warnings, upgrade->warnings->len - 1));
    return false;
}
