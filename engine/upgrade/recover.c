/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The decision, and its reason a case. Three rules above all:
 *
 * - A source may get the guest back only when it is certain that the target never ran it: with shared memory, a
 *   target that has run even for a moment has changed the memory under the source's CPU and device state. A source that
 *   QEMU has let run all the same, since its migration failed after that, is worth nothing.
 * - A target may be killed without asking whenever it cannot have run. Whether it did is known from its events
 *   (events.h); where it is not known, and the source does not hold the guest by itself, nobody may decide but the
 *   operator. ROLL_BACK is still only a wish: handback.c stops the target and looks once more before it kills it.
 * - A target that has the whole state, did not run and should have (its disk locks did not come, say) is worth less than a
 *   source that answers: the source has run this guest before.
 */
#include "upgrade/recover.h"

#include "upgrade/phase.h"

typedef struct {
    RecoverAction action;
    const char *reason;
} Decision;

static const char *const action_names[] = {
    [RECOVER_ROLL_BACK] = "roll-back", [RECOVER_ROLL_FORWARD] = "roll-forward",     [RECOVER_WAIT] = "wait",
    [RECOVER_ENDED] = "ended",         [RECOVER_NEEDS_OPERATOR] = "needs-operator",
};
static const char *const stage_names[] = {
    [RECOVER_STAGE_BEFORE] = "before", [RECOVER_STAGE_MIGRATING] = "migrating", [RECOVER_STAGE_PROVED] = "proved"};
static const char *const source_names[] = {
    [RECOVER_SOURCE_GONE] = "gone",       [RECOVER_SOURCE_MUTE] = "mute",       [RECOVER_SOURCE_HOLDS] = "holds",
    [RECOVER_SOURCE_RESUMED] = "resumed", [RECOVER_SOURCE_HANDING] = "handing", [RECOVER_SOURCE_HANDED] = "handed",
};
static const char *const target_names[] = {
    [RECOVER_TARGET_GONE] = "gone",
    [RECOVER_TARGET_MUTE] = "mute",
    [RECOVER_TARGET_WAITING] = "waiting",
    [RECOVER_TARGET_LOADED] = "loaded",
    [RECOVER_TARGET_RUNS] = "runs",
};

const char *
recover_action_to_string(RecoverAction action)
{
    return action_names[action];
}

const char *
recover_stage_to_string(RecoverStage stage)
{
    return stage_names[stage];
}

const char *
recover_source_to_string(RecoverSource source)
{
    return source_names[source];
}

const char *
recover_target_to_string(RecoverTarget target)
{
    return target_names[target];
}

bool
recover_source_has_guest(RecoverSource source)
{
    return source == RECOVER_SOURCE_HOLDS || source == RECOVER_SOURCE_RESUMED;
}

RecoverStage
recover_stage_of(const UpgradeRecord *record)
{
    int step = upgrade_step_find(record->step);

    if (step < upgrade_step_find(UPGRADE_STEP_MIGRATE))
        return RECOVER_STAGE_BEFORE;
    /* A record that names the proof itself was written before the proof: only what comes after it counts. */
    return step > upgrade_step_find(UPGRADE_STEP_PROVE) ? RECOVER_STAGE_PROVED : RECOVER_STAGE_MIGRATING;
}

static Decision
decide_before(const RecoverObserved *seen)
{
    if (seen->source == RECOVER_SOURCE_GONE)
        return (Decision){RECOVER_ENDED, "the guest's QEMU ended before it handed anything over"};
    return (Decision){RECOVER_ROLL_BACK, "the target was never given the guest"};
}

/* It runs, or it ran and stands still now. */
static Decision
decide_target_has_run(const RecoverObserved *seen)
{
    switch (seen->source) {
    case RECOVER_SOURCE_GONE:
        return (Decision){RECOVER_ROLL_FORWARD, "the target has the guest and the source is gone"};
    case RECOVER_SOURCE_HANDED:
        return (Decision){RECOVER_ROLL_FORWARD, "the source has handed over and the target has the guest"};
    case RECOVER_SOURCE_HANDING:
        return (Decision){RECOVER_ROLL_FORWARD,
                          "the target has run the guest: the source has stopped and must not run again"};
    case RECOVER_SOURCE_MUTE:
        return (Decision){RECOVER_ROLL_FORWARD,
                          "the target has run the guest: its source, which does not answer, has stopped"};
    case RECOVER_SOURCE_HOLDS:
        return (Decision){RECOVER_NEEDS_OPERATOR, "both QEMUs claim the guest: somebody has let the source run again"};
    case RECOVER_SOURCE_RESUMED:
        return (Decision){RECOVER_ROLL_FORWARD,
                          "the target has run the guest: the source, whose migration failed after that, must not run again"};
    case RECOVER_N_SOURCES:
        break;
    }
    g_assert_not_reached();
}

/* It has everything and has certainly not run: whoever is left can have the guest. */
static Decision
decide_target_loaded_only(const RecoverObserved *seen)
{
    switch (seen->source) {
    case RECOVER_SOURCE_HOLDS:
    case RECOVER_SOURCE_RESUMED:
        return (Decision){RECOVER_ROLL_BACK, "the source has the guest; the target never ran it"};
    case RECOVER_SOURCE_GONE:
        return (Decision){RECOVER_ROLL_FORWARD, "the source is gone and the target has the whole state"};
    case RECOVER_SOURCE_MUTE:
        return (Decision){RECOVER_ROLL_FORWARD, "the source does not answer and the target has the whole state"};
    case RECOVER_SOURCE_HANDING:
    case RECOVER_SOURCE_HANDED:
        if (seen->expects_run)
            return (Decision){RECOVER_ROLL_BACK, "the target has the whole state and does not start"};
        return (Decision){RECOVER_ROLL_FORWARD, "the target has the whole state, and is to stand still"};
    case RECOVER_N_SOURCES:
        break;
    }
    g_assert_not_reached();
}

static Decision
decide_target_loaded(const RecoverObserved *seen)
{
    if (seen->target_ran == UPGRADE_RAN_YES)
        return decide_target_has_run(seen);
    if (seen->target_ran == UPGRADE_RAN_NO)
        return decide_target_loaded_only(seen);
    if (recover_source_has_guest(seen->source))
        return (Decision){RECOVER_NEEDS_OPERATOR, "both QEMUs claim the guest, and nobody saw whether the target had run it"};
    return (Decision){RECOVER_ROLL_FORWARD, "the target has the whole state, and may have run the guest"};
}

static Decision
decide_target_waiting(const RecoverObserved *seen)
{
    switch (seen->source) {
    case RECOVER_SOURCE_HOLDS:
    case RECOVER_SOURCE_RESUMED:
        return (Decision){RECOVER_ROLL_BACK, "the source has the guest; the target waits in vain"};
    case RECOVER_SOURCE_HANDING:
        return (Decision){RECOVER_ROLL_BACK, "the hand-over has not completed; the target is killed before the source is cancelled"};
    case RECOVER_SOURCE_HANDED:
        if (!seen->waited)
            return (Decision){RECOVER_WAIT, "the source has handed over; the target may start at any moment"};
        return (Decision){RECOVER_ROLL_BACK, "the target does not start although it has been given everything"};
    case RECOVER_SOURCE_GONE:
        if (!seen->waited)
            return (Decision){RECOVER_WAIT, "the source is gone; the target may have the whole state and start"};
        return (Decision){RECOVER_ENDED, "the source ended before the target had the whole state"};
    case RECOVER_SOURCE_MUTE:
        /* QEMU's main loop is blocked while it sends to a target that does not read: without it, it goes on. */
        return (Decision){RECOVER_ROLL_BACK, "the source does not answer; the target has not run, and may be what it waits for"};
    case RECOVER_N_SOURCES:
        break;
    }
    g_assert_not_reached();
}

static Decision
decide_target_mute(const RecoverObserved *seen)
{
    if (seen->target_ran == UPGRADE_RAN_YES)
        return decide_target_has_run(seen);
    if (recover_source_has_guest(seen->source))
        return (Decision){RECOVER_ROLL_BACK, "the source has the guest; the target does not answer"};
    if (seen->source == RECOVER_SOURCE_HANDING && seen->target_ran == UPGRADE_RAN_NO)
        return (Decision){RECOVER_ROLL_BACK, "the hand-over has not completed; the target does not answer and has not run"};
    /* QEMU 7.2 answers nothing while it writes the last of the state to a target that does not read. */
    if (seen->source == RECOVER_SOURCE_MUTE && seen->target_ran == UPGRADE_RAN_NO)
        return (Decision){RECOVER_ROLL_BACK, "neither answers; the target has not run, and may be what the source waits for"};
    if (!seen->waited)
        return (Decision){RECOVER_WAIT, "the target does not answer yet"};
    if (seen->source == RECOVER_SOURCE_HANDED && seen->target_ran == UPGRADE_RAN_NO)
        return (Decision){RECOVER_ROLL_BACK, "the target does not answer and has not run; the source can go on"};
    return (Decision){RECOVER_NEEDS_OPERATOR, "the target does not answer: whether it runs the guest is not known"};
}

static Decision
decide_target_gone(const RecoverObserved *seen)
{
    switch (seen->source) {
    case RECOVER_SOURCE_GONE:
        return (Decision){RECOVER_ENDED, "both QEMUs have ended"};
    case RECOVER_SOURCE_MUTE:
        if (!seen->waited) /* it is connected to anew for the next look */
            return (Decision){RECOVER_WAIT, "the target has ended; the source does not answer yet"};
        return (Decision){RECOVER_NEEDS_OPERATOR, "the target has ended and the source does not answer"};
    case RECOVER_SOURCE_HOLDS:
        if (seen->target_ran == UPGRADE_RAN_YES)
            return (Decision){RECOVER_NEEDS_OPERATOR,
                              "the target had run the guest before it ended, and the source has it again on changed memory"};
        return (Decision){RECOVER_ROLL_BACK, "the target has ended; the source has the guest"};
    case RECOVER_SOURCE_RESUMED:
        if (seen->target_ran == UPGRADE_RAN_YES)
            return (Decision){RECOVER_ENDED,
                              "the target ended after it had run the guest, and the source resumed on changed memory"};
        return (Decision){RECOVER_ROLL_BACK, "the target has ended; the source has the guest"};
    case RECOVER_SOURCE_HANDING:
        if (seen->target_ran == UPGRADE_RAN_YES)
            return (Decision){RECOVER_ENDED, "the target ended after it had run the guest"};
        return (Decision){RECOVER_ROLL_BACK, "the target ended before the hand-over completed"};
    case RECOVER_SOURCE_HANDED:
        if (seen->target_ran == UPGRADE_RAN_YES)
            return (Decision){RECOVER_ENDED, "the target ended after it had run the guest"};
        if (seen->target_ran == UPGRADE_RAN_NO)
            return (Decision){RECOVER_ROLL_BACK, "the target ended before it ran the guest; the source can go on"};
        return (Decision){RECOVER_NEEDS_OPERATOR, "the target has ended and nobody saw whether it had run the guest"};
    case RECOVER_N_SOURCES:
        break;
    }
    g_assert_not_reached();
}

static Decision
decide_migrating(const RecoverObserved *seen)
{
    switch (seen->target) {
    case RECOVER_TARGET_RUNS:
        return decide_target_has_run(seen);
    case RECOVER_TARGET_LOADED:
        return decide_target_loaded(seen);
    case RECOVER_TARGET_WAITING:
        return decide_target_waiting(seen);
    case RECOVER_TARGET_MUTE:
        return decide_target_mute(seen);
    case RECOVER_TARGET_GONE:
        return decide_target_gone(seen);
    case RECOVER_N_TARGETS:
        break;
    }
    g_assert_not_reached();
}

/* Proved, then ended. A target that was proved to have the guest but never ran it leaves a source that can go on. */
static Decision
decide_proved_gone(const RecoverObserved *seen)
{
    bool has_run = seen->target_ran == UPGRADE_RAN_YES || (seen->target_ran == UPGRADE_RAN_UNKNOWN && seen->expects_run);

    if (seen->source == RECOVER_SOURCE_GONE)
        return (Decision){RECOVER_ENDED, "both QEMUs have ended"};
    if (seen->target_ran == UPGRADE_RAN_YES && seen->source == RECOVER_SOURCE_RESUMED)
        return (Decision){RECOVER_ENDED,
                          "the target ended after it had run the guest, and the source resumed on changed memory"};
    if (has_run && recover_source_has_guest(seen->source))
        return (Decision){RECOVER_NEEDS_OPERATOR, "the target had run the guest before it ended, and the source has it again on changed memory"};
    if (has_run)
        return (Decision){RECOVER_ENDED, "the target ended after it had taken the guest over"};
    if (seen->target_ran == UPGRADE_RAN_NO && seen->source != RECOVER_SOURCE_MUTE)
        return (Decision){RECOVER_ROLL_BACK, "the target ended before it ran the guest; the source can go on"};
    if (seen->target_ran == UPGRADE_RAN_NO && !seen->waited)
        return (Decision){RECOVER_WAIT, "the target has ended; the source does not answer yet"};
    return (Decision){RECOVER_NEEDS_OPERATOR, "the target had taken the guest over and has ended; whether it had run it is not known"};
}

static Decision
decide_proved(const RecoverObserved *seen)
{
    if (seen->target == RECOVER_TARGET_GONE)
        return decide_proved_gone(seen);
    if (seen->target == RECOVER_TARGET_WAITING && seen->source == RECOVER_SOURCE_GONE)
        return decide_target_waiting(seen);
    if (seen->target == RECOVER_TARGET_WAITING)
        return (Decision){RECOVER_NEEDS_OPERATOR, "the target was proved to have the guest, yet it waits for it"};
    if (recover_source_has_guest(seen->source))
        return (Decision){RECOVER_NEEDS_OPERATOR, "the target has taken the guest over, yet the source has it too"};
    return (Decision){RECOVER_ROLL_FORWARD, "the target has taken the guest over"};
}

static Decision
decide(RecoverStage stage, const RecoverObserved *seen)
{
    switch (stage) {
    case RECOVER_STAGE_BEFORE:
        return decide_before(seen);
    case RECOVER_STAGE_MIGRATING:
        return decide_migrating(seen);
    case RECOVER_STAGE_PROVED:
        return decide_proved(seen);
    case RECOVER_N_STAGES:
        break;
    }
    g_assert_not_reached();
}

RecoverAction
recover_decide(RecoverStage stage, const RecoverObserved *observed)
{
    return decide(stage, observed).action;
}

const char *
recover_explain(RecoverStage stage, const RecoverObserved *observed)
{
    return decide(stage, observed).reason;
}
