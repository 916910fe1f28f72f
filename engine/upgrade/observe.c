/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/observe.h"

#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/events.h"
#include "upgrade/timeouts.h"

static bool
is_one_of(const char *status, const char *const *names)
{
    return g_strv_contains(names, status);
}

static RecoverSource
observe_source(const GuestInstance *source)
{
    static const char *const moving[] = {"finish-migrate", NULL};
    static const char *const idle[] = {"none", "completed", "failed", "cancelled", NULL};
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    QmpStatus status = {0};
    QmpMigrateInfo info = {0};
    RecoverSource seen = RECOVER_SOURCE_MUTE;

    if (source->pidfd < 0 || process_has_exited(source->pidfd))
        return RECOVER_SOURCE_GONE;
    if (!source->monitor || !qmp_query_migrate(source->monitor, &limit, &info, NULL) ||
        !qmp_query_status(source->monitor, &limit, &status, NULL))
        seen = process_has_exited(source->pidfd) ? RECOVER_SOURCE_GONE : RECOVER_SOURCE_MUTE;
    else if (!is_one_of(info.status, idle) || is_one_of(status.status, moving))
        seen = RECOVER_SOURCE_HANDING;
    else if (g_str_equal(status.status, "postmigrate"))
        seen = RECOVER_SOURCE_HANDED;
    else
        seen = RECOVER_SOURCE_HOLDS;
    qmp_status_clear(&status);
    qmp_migrate_info_clear(&info);
    return seen;
}

static RecoverTarget
observe_target(Upgrade *upgrade, const GuestInstance *target)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    QmpStatus status = {0};
    RecoverTarget seen = RECOVER_TARGET_HOLDS;

    if (!target || target->pidfd < 0 || process_has_exited(target->pidfd))
        return RECOVER_TARGET_GONE;
    if (!target->monitor || !qmp_query_status(target->monitor, &limit, &status, NULL))
        return process_has_exited(target->pidfd) ? RECOVER_TARGET_GONE : RECOVER_TARGET_MUTE;
    if (g_str_equal(status.status, "inmigrate")) {
        seen = RECOVER_TARGET_WAITING;
        upgrade->target_watched = true; /* it has not run so far, and from here on its events are read */
    }
    qmp_status_clear(&status);
    return seen;
}

RecoverObserved
upgrade_observe(Upgrade *upgrade, bool waited)
{
    RecoverObserved seen = {.waited = waited};

    /* The target first: a target that holds the guest means a source that has stopped, not the other way round. */
    seen.target = observe_target(upgrade, upgrade_get_target(upgrade));
    seen.source = observe_source(upgrade_get_source(upgrade));
    upgrade_events_collect(upgrade);
    seen.target_ran = seen.target == RECOVER_TARGET_GONE ? upgrade_events_target_ran(upgrade) : upgrade->record->target_ran;
    return seen;
}

json_object *
upgrade_evidence(const Upgrade *upgrade, const RecoverObserved *observed)
{
    json_object *object = json_object_new_object();
    RecoverStage stage = recover_stage_of(upgrade->record);

    qmp_json_add_string(object, "session", upgrade->record->session);
    qmp_json_add_string(object, "step", upgrade->record->step);
    qmp_json_add_string(object, "stage", recover_stage_to_string(stage));
    qmp_json_add_string(object, "source", recover_source_to_string(observed->source));
    qmp_json_add_int64(object, "source_pid", upgrade->record->source.pid);
    qmp_json_add_string(object, "target", recover_target_to_string(observed->target));
    qmp_json_add_int64(object, "target_pid", upgrade->record->target.pid);
    qmp_json_add_string(object, "target_ran", upgrade_ran_to_string(observed->target_ran));
    qmp_json_add_string(object, "decision", recover_action_to_string(recover_decide(stage, observed)));
    qmp_json_add_string(object, "reason", recover_explain(stage, observed));
    return object;
}
