/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rebuilds the inside of an upgrade from its record, so that the very same code ends it that would have ended it
 * without the crash.
 */
#include "upgrade/restore.h"

#include <unistd.h>

#include "guest/error.h"
#include "guest/find.h"
#include "qmp/json.h"
#include "upgrade/phase.h"
#include "upgrade/session.h"
#include "upgrade/settle.h"
#include "upgrade/timeouts.h"

static GuestDefinition *
any_definition(const UpgradeRecord *record, const GuestInstance *other)
{
    if (other && other->definition)
        return guest_definition_copy(other->definition);
    return guest_definition_new(record->guest, record->uuid, "/");
}

/* A source of which nothing is left but what the record says. */
static ObjlistDomain *
stand_in_source(const GuestEnvironment *environment, const UpgradeRecord *record, const GuestInstance *target)
{
    GuestInstance *instance = guest_instance_new();
    ObjlistDomain *domain = objlist_domain_new(record->guest, record->uuid, record->source_id,
                                               paths_instance_new(environment->dirs, record->source_id));

    instance->definition = any_definition(record, target);
    instance->domain_id = record->source_id;
    instance->process = record->source;
    if (target && target->hugetlbfs_dir) {
        g_autofree char *folder = g_path_get_dirname(target->hugetlbfs_dir);
        instance->hugetlbfs_dir = g_strdup_printf("%s/%" G_GUINT64_FORMAT, folder, record->source_id);
    }
    objlist_domain_set_data(domain, instance, (GDestroyNotify)guest_instance_free);
    objlist_domain_begin_job(domain, "recovery", 0, NULL);
    return domain;
}

static void
hold_process(GuestInstance *instance, const PathsInstance *paths, const ProcessIdentity *recorded)
{
    if (instance->process.pid == 0)
        instance->process = *recorded;
    if (instance->process.pid == 0 && !guest_find_by_mark(paths, &instance->process))
        return;
    instance->pidfd = process_identity_open(&instance->process, NULL);
    if (instance->pidfd < 0)
        return;
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    instance->monitor = qmp_client_connect(paths->monitor_socket, instance->definition->name, NULL);
    if (instance->monitor && !qmp_client_wait_ready(instance->monitor, &limit, NULL))
        g_clear_pointer(&instance->monitor, qmp_client_free);
}

static GuestSpawn *
restore_target(const GuestEnvironment *environment, const UpgradeRecord *record, const GuestInstance *source)
{
    GuestSpawn *spawn = g_new0(GuestSpawn, 1);

    spawn->environment = environment;
    spawn->monitor_listener = spawn->operator_listener = -1;
    spawn->memory_fds = g_array_new(FALSE, FALSE, sizeof(int));
    spawn->handed = g_ptr_array_new_with_free_func((GDestroyNotify)guest_handed_free);
    spawn->paths = paths_instance_new(environment->dirs, record->target_id);
    spawn->instance = guest_instance_load(spawn->paths, NULL);
    if (!spawn->instance) {
        spawn->instance = guest_instance_new();
        spawn->instance->definition = any_definition(record, source);
        spawn->instance->domain_id = record->target_id;
    }
    hold_process(spawn->instance, spawn->paths, &record->target);
    spawn->made_dir = true;
    spawn->made_hugetlbfs = spawn->instance->hugetlbfs_dir != NULL;
    return spawn;
}

static void
register_target(Upgrade *upgrade)
{
    upgrade->target = objlist_domain_new(upgrade->record->guest, upgrade->record->uuid, upgrade->record->target_id,
                                         paths_instance_copy(upgrade->spawn->paths));
    objlist_domain_set_state(upgrade->target, OBJLIST_DOMAIN_INCOMING);
    objlist_domain_begin_job(upgrade->target, "recovery", 0, NULL);
    objlist_tables_add_remote(upgrade->environment->tables, upgrade->target, NULL);
}

static void
restore_times(Upgrade *upgrade)
{
    json_object *cookies = upgrade->record->cookies;

    qmp_json_get_int64(qmp_json_get_object(cookies, "perform"), "stop_us", &upgrade->stop_us);
    qmp_json_get_int64(qmp_json_get_object(cookies, "finish"), "resume_us", &upgrade->resume_us);
}

Upgrade *
upgrade_restore(const GuestEnvironment *environment, UpgradeRecord *record, ObjlistDomain *source)
{
    GuestSpawn *spawn = restore_target(environment, record, source ? objlist_domain_get_data(source) : NULL);
    g_autoptr(ObjlistDomain) domain =
        source ? objlist_domain_ref(source) : stand_in_source(environment, record, spawn->instance);
    const UpgradeRequest request = {.start_paused = record->start_paused};
    Upgrade *upgrade = upgrade_new(environment, domain, &request, -1, NULL, NULL);

    upgrade_record_free(upgrade->record);
    upgrade->record = record;
    upgrade->spawn = spawn;
    upgrade->begun = true;
    upgrade->method = upgrade_method_find(record->method);
    upgrade->source_was_running = record->source_was_running;
    upgrade->stops_first = record->stops_first;
    upgrade->new_id = record->target_id;
    upgrade->new_pid = spawn->instance->process.pid;
    upgrade->to = (GuestBinary){.path = g_strdup(spawn->instance->binary.path),
                                .version = g_strdup(spawn->instance->binary.version),
                                .package = g_strdup(spawn->instance->binary.package)};
    restore_times(upgrade);
    register_target(upgrade);
    return upgrade;
}

void
upgrade_run_recovery(Upgrade *upgrade)
{
    upgrade->started_us = g_get_monotonic_time();
    upgrade->wait = qmp_wait_from_now(UPGRADE_TIMEOUT_DEFAULT_MS, -1);
    guest_error_set(&upgrade->error, GUEST_ERROR_FAILED, "interrupted", NULL,
                    "the engine ended during the upgrade, at %s", upgrade->record->step);
    upgrade_settle(upgrade, upgrade_step_find(upgrade->record->step));
    upgrade->duration_us = g_get_monotonic_time() - upgrade->started_us;
}
