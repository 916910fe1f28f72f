/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every answer has its deadline, and a QEMU that gives none is "mute": that is evidence of nothing. A source is connected to
 * anew before it counts as mute, for a connection may break that the guest knows nothing of. A target is not, as long as
 * its connection stands: what was read on it is the proof of what the target did not do.
 */
#include "upgrade/observe.h"

#include "guest/hold.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/events.h"
#include "upgrade/timeouts.h"

typedef struct {
    QmpStatus status;
    QmpMigrateInfo info;
} Answers;

static void
answers_clear(Answers *answers)
{
    qmp_status_clear(&answers->status);
    qmp_migrate_info_clear(&answers->info);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answers, answers_clear)

/* What a slow answer is worth depends on what it costs: a guest that stands does so until we have decided. */
static bool
ask(const Upgrade *upgrade, const GuestInstance *instance, Answers *answers)
{
    bool guest_stands = upgrade->source_stopped && upgrade->source_was_running;
    QmpWait limit = qmp_wait_from_now(guest_stands ? UPGRADE_TIMEOUT_GLANCE_MS : UPGRADE_TIMEOUT_OBSERVE_MS, -1);

    answers_clear(answers);
    *answers = (Answers){0};
    return instance->monitor && qmp_query_migrate(instance->monitor, &limit, &answers->info, NULL) &&
           qmp_query_status(instance->monitor, &limit, &answers->status, NULL);
}

static bool
is_connected(const GuestInstance *instance)
{
    return instance->monitor && qmp_client_get_state(instance->monitor) != QMP_CLIENT_CLOSED;
}

/* Notes how it ended, which only its parent is told, and only once. */
static bool
has_ended(GuestInstance *instance, const PathsInstance *paths, ProcessExit *end)
{
    if (!guest_has_ended(instance, paths))
        return false;
    if (instance->pidfd >= 0 && !end->known)
        process_wait_exit(instance->pidfd, 0, -1, end, NULL);
    return true;
}

static RecoverSource
classify_source(const Answers *answers)
{
    if (!qmp_migrate_info_is_idle(&answers->info) || g_str_equal(answers->status.status, "finish-migrate"))
        return RECOVER_SOURCE_HANDING;
    if (g_str_equal(answers->status.status, "postmigrate"))
        return RECOVER_SOURCE_HANDED;
    return g_str_equal(answers->info.status, "failed") ? RECOVER_SOURCE_RESUMED : RECOVER_SOURCE_HOLDS;
}

/* A QEMU closes its monitor by ending; one that lives on may do anything unseen. */
static bool
ends_now(const GuestInstance *instance, ProcessExit *end)
{
    return !is_connected(instance) && instance->pidfd >= 0 &&
           process_wait_exit(instance->pidfd, UPGRADE_TIMEOUT_END_MS, -1, end, NULL);
}

static RecoverSource
observe_source(Upgrade *upgrade)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    const PathsInstance *paths = upgrade_get_source_paths(upgrade);
    g_auto(Answers) answers = {0};

    if (has_ended(source, paths, &upgrade->source_end))
        return RECOVER_SOURCE_GONE;
    if (ask(upgrade, source, &answers))
        return classify_source(&answers);
    upgrade_events_collect(upgrade);
    if (ends_now(source, &upgrade->source_end)) /* the target may have all of the guest, and is not to be given up */
        return RECOVER_SOURCE_GONE;
    /* One that is only slow may answer yet; at the second look it is the connection that is not trusted. */
    bool is_stale = !is_connected(source) || upgrade->source_was_mute;
    upgrade->source_was_mute = true;
    if (is_stale && !has_ended(source, paths, &upgrade->source_end)) {
        guest_connect(source, paths);
        if (ask(upgrade, source, &answers))
            return classify_source(&answers);
    }
    return has_ended(source, paths, &upgrade->source_end) ? RECOVER_SOURCE_GONE : RECOVER_SOURCE_MUTE;
}

/* "inmigrate" and "completed": QEMU 10.0 could not take the disks and stays so for ever; 7.2 is "paused" then. */
static RecoverTarget
classify_target(Upgrade *upgrade, const Answers *answers)
{
    if (answers->status.running) {
        upgrade->record->target_ran = UPGRADE_RAN_YES;
        return RECOVER_TARGET_RUNS;
    }
    if (!g_str_equal(answers->status.status, "inmigrate"))
        return RECOVER_TARGET_LOADED;
    upgrade->target_watched = true; /* it has not run so far, and from here on its events are read */
    upgrade->target_connected = !g_str_equal(answers->info.status, "setup");
    return g_str_equal(answers->info.status, "completed") ? RECOVER_TARGET_LOADED : RECOVER_TARGET_WAITING;
}

static RecoverTarget
observe_target(Upgrade *upgrade)
{
    GuestInstance *target = upgrade_get_target(upgrade);
    const PathsInstance *paths = upgrade_get_target_paths(upgrade);
    g_auto(Answers) answers = {0};

    if (!target || has_ended(target, paths, &upgrade->target_end))
        return RECOVER_TARGET_GONE;
    if (recover_stage_of(upgrade->record) == RECOVER_STAGE_BEFORE)
        return RECOVER_TARGET_MUTE; /* not asked: it was given nothing, and may hang */
    upgrade_events_collect(upgrade);
    if (!is_connected(target)) {
        if (ends_now(target, &upgrade->target_end))
            return RECOVER_TARGET_GONE;
        upgrade->target_watched = false;
        guest_connect(target, paths);
    }
    if (ask(upgrade, target, &answers))
        return classify_target(upgrade, &answers);
    /* One that ends while it is asked is not mute. */
    if (ends_now(target, &upgrade->target_end))
        return RECOVER_TARGET_GONE;
    return has_ended(target, paths, &upgrade->target_end) ? RECOVER_TARGET_GONE : RECOVER_TARGET_MUTE;
}

static UpgradeRan
target_ran(Upgrade *upgrade, RecoverTarget target)
{
    switch (target) {
    case RECOVER_TARGET_GONE:
        return upgrade_events_target_ran(upgrade);
    case RECOVER_TARGET_WAITING:
        return UPGRADE_RAN_NO;
    case RECOVER_TARGET_RUNS:
        return UPGRADE_RAN_YES;
    case RECOVER_TARGET_MUTE:
    case RECOVER_TARGET_LOADED:
        return upgrade_events_ran_so_far(upgrade);
    case RECOVER_N_TARGETS:
        break;
    }
    g_assert_not_reached();
}

void
upgrade_observe(Upgrade *upgrade, bool waited)
{
    RecoverObserved seen = {.expects_run = upgrade_expects_run(upgrade) || upgrade->target_was_let_run};

    /* The target first: a target that has the guest means a source that has stopped, not the other way round. */
    seen.target = observe_target(upgrade);
    seen.source = observe_source(upgrade);
    upgrade_events_collect(upgrade);
    seen.target_ran = target_ran(upgrade, seen.target);
    /* The proof has waited already, for the very thing that one would wait for. */
    seen.waited = waited || (upgrade->target_was_late && seen.source == RECOVER_SOURCE_HANDED);
    upgrade->seen = seen;
}

json_object *
upgrade_evidence(const Upgrade *upgrade)
{
    json_object *object = json_object_new_object();
    const RecoverObserved *seen = &upgrade->seen;
    const UpgradeRecord *record = upgrade->record;
    RecoverStage stage = recover_stage_of(record);

    qmp_json_add_string(object, "session", record->session);
    qmp_json_add_string(object, "step", record->step);
    qmp_json_add_string(object, "stage", recover_stage_to_string(stage));
    qmp_json_add_string(object, "source", recover_source_to_string(seen->source));
    qmp_json_add_int64(object, "source_pid", record->source.pid);
    qmp_json_add_string(object, "target", recover_target_to_string(seen->target));
    qmp_json_add_int64(object, "target_pid", record->target.pid);
    qmp_json_add_string(object, "target_ran", upgrade_ran_to_string(seen->target_ran));
    qmp_json_add_bool(object, "expects_run", seen->expects_run);
    qmp_json_add_string(object, "decision", recover_action_to_string(recover_decide(stage, seen)));
    qmp_json_add_string(object, "reason", recover_explain(stage, seen));
    for (int i = 0; i < RECOVER_N_KEEPS; i++) {
        RecoverKeep keep = (RecoverKeep)i;
        const char *refusal = recover_refuse_choice(stage, seen, keep);
        json_object *choice = json_object_new_object();
        g_autofree char *key = g_strconcat("keep_", recover_keep_to_string(keep), NULL);
        qmp_json_add_bool(choice, "possible", !refusal);
        qmp_json_add_string(choice, "means", refusal ? refusal : recover_describe_choice(stage, seen, keep));
        qmp_json_add_value(object, key, choice);
    }
    return object;
}
