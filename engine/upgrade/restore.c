/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rebuilds the inside of an upgrade from its record, so that the very same code ends it that would have ended it
 * without the crash.
 */
#include "upgrade/restore.h"

#include "guest/error.h"
#include "guest/hold.h"
#include "guest/monitor.h"
#include "guest/program.h"
#include "process/freeze.h"
#include "process/proc.h"
#include "qmp/json.h"
#include "upgrade/phase.h"
#include "upgrade/session.h"
#include "upgrade/settle.h"
#include "upgrade/timeouts.h"
#include "upgrade/units.h"

static GuestDefinition *
any_definition(const UpgradeRecord *record, const GuestInstance *other)
{
    if (other && other->definition)
        return guest_definition_copy(other->definition);
    GuestDefinition *definition = guest_definition_new(record->guest, record->uuid, "/");
    definition->transient = true; /* nobody has defined this */
    return definition;
}

/* A source that has no record of its own that could be read: its process may live all the same. */
static ObjlistDomain *
stand_in_source(const GuestEnvironment *environment, const UpgradeRecord *record, const GuestInstance *target)
{
    GuestInstance *instance = guest_instance_new();
    ObjlistDomain *domain = objlist_domain_new(record->guest, record->uuid, record->source_id,
                                               paths_instance_new(environment->dirs, record->source_id));

    instance->definition = any_definition(record, target);
    instance->domain_id = record->source_id;
    instance->process = record->source;
    guest_hold(instance, objlist_domain_get_paths(domain), NULL);
    if (target && target->hugetlbfs_dir) {
        g_autofree char *folder = g_path_get_dirname(target->hugetlbfs_dir);
        instance->hugetlbfs_dir = g_strdup_printf("%s/%" G_GUINT64_FORMAT, folder, record->source_id);
    }
    objlist_domain_set_data(domain, instance, (GDestroyNotify)guest_instance_free);
    return domain;
}

/* A target that an engine had stopped when it died must not stand still any longer than it takes to find it. */
static void
hold_target(GuestInstance *instance, const PathsInstance *paths, const ProcessIdentity *recorded)
{
    g_autoptr(GError) error = NULL;

    if (instance->process.pid == 0)
        instance->process = *recorded;
    if (guest_hold(instance, paths, &error) == GUEST_HOLD_UNKNOWN)
        g_warning("%s: the process of instance %" G_GUINT64_FORMAT ": %s", instance->definition->name,
                  instance->domain_id, error->message);
    if (instance->pidfd >= 0)
        process_thaw(instance->pidfd, NULL);
}

/* A target whose own record cannot be read: what its process says has to do. */
static GuestInstance *
stand_in_target(const UpgradeRecord *record, const GuestInstance *source)
{
    GuestInstance *instance = guest_instance_new();

    instance->definition = any_definition(record, source);
    instance->domain_id = record->target_id;
    if (record->target.pid > 0)
        instance->binary.path = process_proc_dup_exe(record->target.pid, NULL, NULL);
    if (!instance->binary.path)
        instance->binary.path = g_strdup(instance->definition->binary);
    instance->binary.version = g_strdup("");
    return instance;
}

static GuestSpawn *
restore_target(const GuestEnvironment *environment, UpgradeRecord *record, const GuestInstance *source)
{
    GuestSpawn *spawn = g_new0(GuestSpawn, 1);

    spawn->environment = environment;
    spawn->monitor_listener = spawn->operator_listener = -1;
    spawn->memory_fds = g_array_new(FALSE, FALSE, sizeof(int));
    spawn->handed = g_ptr_array_new_with_free_func((GDestroyNotify)guest_handed_free);
    spawn->paths = paths_instance_new(environment->dirs, record->target_id);
    spawn->instance = guest_instance_load(spawn->paths, NULL);
    if (!spawn->instance)
        spawn->instance = stand_in_target(record, source);
    hold_target(spawn->instance, spawn->paths, &record->target);
    record->target = spawn->instance->process;
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

    upgrade_times_read(&upgrade->times, qmp_json_get_object(cookies, "perform"), qmp_json_get_object(cookies, "finish"));
}

/* The instances' own records may be gone by now. */
static void
restore_binary(GuestBinary *binary, json_object *recorded)
{
    const char *path = qmp_json_get_string(recorded, "path");

    if (!path)
        return;
    guest_binary_clear(binary);
    binary->path = g_strdup(path);
    binary->version = g_strdup(qmp_json_get_string(recorded, "version"));
    binary->package = g_strdup(qmp_json_get_string(recorded, "package"));
}

UpgradeRecord *
upgrade_record_for_pair(const GuestInstance *source, const GuestInstance *target)
{
    UpgradeRecord *record = upgrade_record_new(source->definition->name, source->definition->uuid);

    record->source_id = source->domain_id;
    record->source = source->process;
    record->target_id = target->domain_id;
    record->target = target->process;
    record->step = g_strdup(UPGRADE_STEP_MIGRATE);
    record->method = g_strdup(upgrade_method_shared.name);
    record->started = guest_instance_dup_now();
    record->source_was_running = true;
    record->needs_operator = true;
    record->is_guess = true;
    return record;
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
    upgrade->was_marked = record->needs_operator;
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
    restore_binary(&upgrade->from, record->from);
    restore_binary(&upgrade->to, record->to);
    restore_times(upgrade);
    upgrade_unit_restore(upgrade);
    register_target(upgrade);
    return upgrade;
}

static void
begin(Upgrade *upgrade)
{
    upgrade->started_us = g_get_monotonic_time();
    upgrade->wait = qmp_wait_from_now(UPGRADE_TIMEOUT_DEFAULT_MS, -1);
    guest_error_set(&upgrade->error, GUEST_ERROR_FAILED, "interrupted", NULL, "%s, at %s",
                    upgrade->was_marked ? "the upgrade had needed its operator" : "the engine ended during the upgrade",
                    upgrade->record->step);
}

static void
end(Upgrade *upgrade)
{
    upgrade->duration_us = g_get_monotonic_time() - upgrade->started_us;
}

void
upgrade_run_recovery(Upgrade *upgrade)
{
    begin(upgrade);
    if (upgrade->record->is_guess)
        upgrade_settle_look(upgrade);
    else
        upgrade_settle(upgrade, upgrade_step_find(upgrade->record->step));
    end(upgrade);
}

bool
upgrade_resolve(Upgrade *upgrade, RecoverKeep choice, GError **error)
{
    begin(upgrade);
    bool done = upgrade_settle_choice(upgrade, upgrade_step_find(upgrade->record->step), choice, error);
    end(upgrade);
    return done;
}

bool
upgrade_end(Upgrade *upgrade, GError **error)
{
    begin(upgrade);
    bool done = upgrade_settle_end(upgrade, upgrade_step_find(upgrade->record->step), error);
    end(upgrade);
    return done;
}

bool
upgrade_was_marked(const Upgrade *upgrade)
{
    return upgrade->was_marked;
}

ObjlistDomain *
upgrade_get_source_domain(const Upgrade *upgrade)
{
    return upgrade->source;
}

json_object *
upgrade_steal_evidence(Upgrade *upgrade)
{
    return g_steal_pointer(&upgrade->evidence);
}

QmpClient *
upgrade_steal_mute(Upgrade *upgrade, RecoverKeep which)
{
    bool is_source = which == RECOVER_KEEP_SOURCE;
    bool is_mute = is_source ? upgrade->seen.source == RECOVER_SOURCE_MUTE : upgrade->seen.target == RECOVER_TARGET_MUTE;
    GuestInstance *instance = is_source ? upgrade_get_source(upgrade) : upgrade_get_target(upgrade);

    if (!is_mute || !instance || !instance->monitor || qmp_client_get_state(instance->monitor) == QMP_CLIENT_CLOSED)
        return NULL;
    return g_steal_pointer(&instance->monitor);
}

UpgradeRecord *
upgrade_steal_record(Upgrade *upgrade)
{
    return g_steal_pointer(&upgrade->record);
}
