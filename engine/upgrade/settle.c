/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Observe, decide, act; then look again, for acting may have changed the answer (a source can die while it gets
 * the guest back). The rounds are bounded: what does not settle needs an operator.
 */
#include "upgrade/settle.h"

#include "guest/error.h"
#include "guest/hold.h"
#include "process/reserve.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/crash.h"
#include "upgrade/driver.h"
#include "upgrade/events.h"
#include "upgrade/handback.h"
#include "upgrade/kill.h"
#include "upgrade/observe.h"
#include "upgrade/phase.h"
#include "upgrade/timeouts.h"

#define MAX_ROUNDS 5

typedef enum { SETTLED, LOOK_AGAIN } SettleResult;

static void
warn(Upgrade *upgrade, const char *what, GError *error)
{
    upgrade_warn(upgrade, what, error);
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
    qmp_json_add_string(upgrade->evidence, "error_code", upgrade->error ? guest_error_get_code(upgrade->error) : NULL);
    qmp_json_add_string(upgrade->evidence, "trouble", last_trouble);
    qmp_json_add_string(upgrade->evidence, "trouble_code", upgrade->trouble_code);
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

/* GRACE_MS as in upgrade_kill. */
static bool
end_one(GuestInstance *instance, const PathsInstance *paths, gint64 grace_ms, ProcessExit *end, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (!instance || guest_has_ended(instance, paths))
        return true;
    if (upgrade_kill(instance, grace_ms, end, &local))
        return true;
    guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "qemu-unkillable", "see its process state; it may hang in the kernel",
                    "QEMU %d does not end: %s", instance->process.pid, local->message);
    return false;
}

/* One that waited for the state a moment ago may have come by the whole of it since. */
static bool
may_kill_target(Upgrade *upgrade)
{
    bool was_given_nothing = recover_stage_of(upgrade->record) == RECOVER_STAGE_BEFORE;
    GError *error = NULL;

    if (was_given_nothing || upgrade->seen.target == RECOVER_TARGET_GONE || upgrade_stop_target(upgrade, &error))
        return true;
    warn(upgrade, "cleaning up", error);
    return false;
}

/* There is no guest to save; what is left of both goes. */
static SettleResult
bury(Upgrade *upgrade, int last, const char *why)
{
    /* Its end has cancelled what was waited for. */
    bool has_more = upgrade->error && guest_error_get_kind(upgrade->error) != GUEST_ERROR_CANCELLED;
    GError *error = NULL;

    end_one(upgrade_get_source(upgrade), upgrade_get_source_paths(upgrade), 0, &upgrade->source_end, NULL);
    end_one(upgrade_get_target(upgrade), upgrade_get_target_paths(upgrade), 0, &upgrade->target_end, NULL);
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

/*
 * How long that may take. With its source gone nobody else can have the guest: a target that has begun to take the state is
 * given time, for it may have the whole of it, and one that nobody has connected to never will.
 */
static gint64
patience_ms(const Upgrade *upgrade)
{
    if (upgrade->seen.source != RECOVER_SOURCE_GONE)
        return UPGRADE_TIMEOUT_RUN_MS;
    bool is_idle = upgrade->seen.target == RECOVER_TARGET_WAITING && !upgrade->target_connected;
    return is_idle ? UPGRADE_TIMEOUT_GLANCE_MS : UPGRADE_TIMEOUT_ARRIVE_MS;
}

/* Lets what moves by itself come to rest: until the target has loaded, resumes or ends, and no longer than it may take. */
static void
wait_a_while(Upgrade *upgrade)
{
    gint64 timeout_ms = upgrade_crash_patience_ms(patience_ms(upgrade));
    QmpWait limit = qmp_wait_from_now(timeout_ms, -1);
    const GuestInstance *target = upgrade_get_target(upgrade);

    if (upgrade->seen.target == RECOVER_TARGET_GONE)
        upgrade_await_source(upgrade);
    else if (target && target->monitor && qmp_client_get_state(target->monitor) != QMP_CLIENT_CLOSED)
        upgrade_events_await_load(upgrade, &limit, NULL);
    else if (target && target->pidfd >= 0)
        process_wait_exit(target->pidfd, timeout_ms, -1, &upgrade->target_end, NULL);
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
        if (!may_kill_target(upgrade))
            return LOOK_AGAIN;
        return bury(upgrade, last, recover_explain(recover_stage_of(upgrade->record), &upgrade->seen));
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
    bool was_connected = upgrade->target_connected;

    upgrade_observe(upgrade, waited);
    /* It was waited for as one that nobody would ever connect to. */
    if (upgrade->target_connected && !was_connected)
        upgrade->seen.waited = false;
    if (upgrade->record->target_ran != before)
        save_record(upgrade);
}

/*
 * What was just tried would fail once more, for as long again: somebody keeps the disks, or a process (traces it, say), or
 * the source does not answer.
 */
static bool
is_in_vain(const Upgrade *upgrade, RecoverAction action, int round)
{
    bool is_mute = upgrade->seen.source == RECOVER_SOURCE_MUTE && upgrade->seen.target == RECOVER_TARGET_GONE;

    return upgrade->is_resisted || (action == RECOVER_ROLL_BACK && (upgrade->is_held_back || (is_mute && round > 0)));
}

void
upgrade_settle(Upgrade *upgrade, int last)
{
    gint64 deadline_us = g_get_monotonic_time() + UPGRADE_TIMEOUT_SETTLE_MS * G_GINT64_CONSTANT(1000);
    bool waited = false;

    process_reserve_release(&upgrade->reserve);
    upgrade->record->aborting = true;
    save_record(upgrade);
    for (int round = 0; round < MAX_ROUNDS && g_get_monotonic_time() < deadline_us; round++) {
        look(upgrade, waited);
        RecoverAction action = recover_decide(recover_stage_of(upgrade->record), &upgrade->seen);
        if (is_in_vain(upgrade, action, round))
            break;
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

/*
 * First the one that must not run, and without a chance to: the end of the other would let it. It has not got the disks, or
 * must not write to them.
 */
static bool
end_both(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade), *target = upgrade_get_target(upgrade);
    const PathsInstance *source_paths = upgrade_get_source_paths(upgrade);
    const PathsInstance *target_paths = upgrade_get_target_paths(upgrade);
    bool never_ran = upgrade->seen.target == RECOVER_TARGET_WAITING || upgrade->seen.target_ran == UPGRADE_RAN_NO;
    bool is_sources = recover_stage_of(upgrade->record) == RECOVER_STAGE_BEFORE ||
                      (never_ran && may_kill_target(upgrade));

    if (is_sources)
        return end_one(target, target_paths, 0, &upgrade->target_end, error) &&
               end_one(source, source_paths, UPGRADE_TIMEOUT_TERMINATE_MS, &upgrade->source_end, error);
    return end_one(source, source_paths, 0, &upgrade->source_end, error) &&
           end_one(target, target_paths, UPGRADE_TIMEOUT_TERMINATE_MS, &upgrade->target_end, error);
}

bool
upgrade_settle_end(Upgrade *upgrade, int last, GError **error)
{
    upgrade_observe(upgrade, true);
    if (!end_both(upgrade, error)) {
        upgrade_observe(upgrade, true);
        mark_needs_operator(upgrade);
        return false;
    }
    bury(upgrade, last, "both QEMUs were ended by force");
    return true;
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
