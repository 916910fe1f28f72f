/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a restarted engine believes: the records (config.json, journal) as far as the running processes bear them
 * out, by pid and start time. What it cannot make sense of stays as it is, with one line in the log.
 */
#include "node/startup.h"

#include <string.h>

#include "guest/find.h"
#include "node/ending.h"
#include "node/history.h"
#include "node/state.h"
#include "node/supervise.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/record.h"
#include "upgrade/restore.h"

#define KILL_TIMEOUT_MS 10000
#define STATUS_TIMEOUT_MS 2000

static void
log_problems(const GPtrArray *problems)
{
    for (guint i = 0; problems && i < problems->len; i++)
        g_warning("left as it is: %s", (const char *)g_ptr_array_index(problems, i));
}

static ObjlistDomain *
shut_off_domain(const GuestDefinition *definition)
{
    ObjlistDomain *domain = objlist_domain_new(definition->name, definition->uuid, 0, NULL);
    GuestInstance *instance = guest_instance_new();

    instance->definition = guest_definition_copy(definition);
    objlist_domain_set_data(domain, instance, (GDestroyNotify)guest_instance_free);
    return domain;
}

/* Definitions of guests that were not found running. */
static bool
load_definitions(Node *node, GError **error)
{
    g_autoptr(GPtrArray) problems = NULL;
    g_autoptr(GPtrArray) definitions = guest_definition_list(node->dirs, &problems, error);

    log_problems(problems);
    if (!definitions)
        return false;
    for (guint i = 0; i < definitions->len; i++) {
        const GuestDefinition *definition = g_ptr_array_index(definitions, i);
        g_autoptr(GError) problem = NULL;
        g_autoptr(ObjlistDomain) running = objlist_tables_find_by_name(node->environment.tables, definition->name);
        if (running)
            continue;
        g_autoptr(ObjlistDomain) domain = shut_off_domain(definition);
        if (!objlist_tables_add_primary(node->environment.tables, domain, &problem))
            g_warning("definition of %s left out: %s", definition->name, problem->message);
    }
    return true;
}

static void
find_state(ObjlistDomain *domain, const GuestInstance *instance)
{
    QmpWait wait = qmp_wait_from_now(STATUS_TIMEOUT_MS, -1);
    QmpStatus status = {0};

    objlist_domain_set_state(domain, OBJLIST_DOMAIN_RUNNING);
    if (!instance->monitor || !qmp_query_status(instance->monitor, &wait, &status, NULL))
        return;
    if (!status.running)
        objlist_domain_set_state(domain, OBJLIST_DOMAIN_PAUSED);
    qmp_status_clear(&status);
}

/* A start that an engine did not live to finish was never answered to anybody: it is taken back. */
static void
take_back_start(GuestInstance *instance, const PathsInstance *paths)
{
    ProcessIdentity identity;
    g_autoptr(GError) error = NULL;

    if (guest_find_by_mark(paths, &identity)) {
        instance->pidfd = process_identity_open(&identity, NULL);
        if (instance->pidfd >= 0 && !process_kill_and_reap(instance->pidfd, KILL_TIMEOUT_MS, NULL, &error)) {
            g_warning("%s: a QEMU that was being started does not die: %s", paths->dir, error->message);
            return;
        }
    }
    if ((instance->hugetlbfs_dir && !paths_hugetlbfs_remove(instance->hugetlbfs_dir, &error)) ||
        !paths_instance_remove(paths, &error))
        g_warning("%s: not removed: %s", paths->dir, error->message);
}

static void
load_instance(Node *node, guint64 domain_id)
{
    PathsInstance *paths = paths_instance_new(node->dirs, domain_id);
    g_autoptr(GError) error = NULL;
    GuestInstance *instance = guest_instance_load(paths, &error);

    if (!instance) {
        g_warning("instance %" G_GUINT64_FORMAT " left as it is: %s", domain_id, error->message);
        paths_instance_free(paths);
        return;
    }
    if (instance->process.pid == 0) {
        take_back_start(instance, paths);
        guest_instance_free(instance);
        paths_instance_free(paths);
        return;
    }
    instance->pidfd = process_identity_open(&instance->process, NULL);
    g_autoptr(ObjlistDomain) domain =
        objlist_domain_new(instance->definition->name, instance->definition->uuid, domain_id, paths);
    objlist_domain_set_data(domain, instance, (GDestroyNotify)guest_instance_free);
    if (instance->pidfd >= 0)
        instance->monitor = qmp_client_connect(paths->monitor_socket, instance->definition->name, NULL);
    find_state(domain, instance);
    if (!objlist_tables_add_primary(node->environment.tables, domain, &error))
        g_warning("instance %" G_GUINT64_FORMAT " left as it is: %s", domain_id, error->message);
}

static bool
is_target(const GPtrArray *records, guint64 domain_id)
{
    for (guint i = 0; i < records->len; i++)
        if (((const UpgradeRecord *)g_ptr_array_index(records, i))->target_id == domain_id)
            return true;
    return false;
}

static bool
load_instances(Node *node, const GPtrArray *records, GError **error)
{
    g_autoptr(GArray) ids = paths_instance_list(node->dirs, error);
    if (!ids)
        return false;
    for (guint i = 0; i < ids->len; i++) {
        guint64 domain_id = g_array_index(ids, guint64, i);
        if (!is_target(records, domain_id))
            load_instance(node, domain_id);
    }
    return true;
}

static void
keep_history(Node *node, const Upgrade *upgrade, const char *uuid)
{
    g_autoptr(json_object) result = upgrade_dup_result(upgrade);
    g_autoptr(GError) error = NULL;

    if (!node_history_append(node->dirs, uuid, result, &error))
        g_warning("history: %s", error->message);
}

static void
recover(Node *node, UpgradeRecord *record)
{
    g_autofree char *guest = g_strdup(record->guest);
    g_autofree char *uuid = g_strdup(record->uuid);
    g_autoptr(ObjlistDomain) source = objlist_tables_find_by_name(node->environment.tables, guest);

    if (source && objlist_domain_get_id(source) != record->source_id)
        g_clear_pointer(&source, objlist_domain_unref);
    if (source)
        objlist_domain_begin_job(source, "recovery", 0, NULL);
    g_autoptr(Upgrade) upgrade = upgrade_restore(&node->environment, record, source);
    upgrade_run_recovery(upgrade);
    keep_history(node, upgrade, uuid);
    g_message("%s: an interrupted upgrade has ended: %s", guest,
              upgrade_outcome_to_string(upgrade_get_outcome(upgrade)));
    ObjlistDomain *survivor = upgrade_get_survivor(upgrade);
    if (survivor && objlist_domain_has_job(survivor))
        objlist_domain_end_job(survivor);
    if (source && survivor != source && objlist_domain_has_job(source))
        objlist_domain_end_job(source);
}

/* Those that ended while no engine was there are cleaned up; the others are watched from now on. */
static void
supervise_all(Node *node)
{
    g_autoptr(GPtrArray) domains = objlist_tables_snapshot(node->environment.tables);

    for (guint i = 0; i < domains->len; i++) {
        ObjlistDomain *domain = g_ptr_array_index(domains, i);
        GuestInstance *instance = objlist_domain_get_data(domain);
        const ProcessExit unknown = {0};
        if (instance->process.pid == 0)
            continue;
        if (instance->pidfd < 0 || process_has_exited(instance->pidfd))
            node_ending_handle_reaped(node, domain, &unknown);
        else
            node_supervise_start(node, domain);
    }
}

bool
node_startup(Node *node, GError **error)
{
    g_autoptr(GPtrArray) problems = NULL;
    g_autoptr(GPtrArray) records = upgrade_record_list(node->dirs, &problems, error);

    log_problems(problems);
    if (!records || !load_instances(node, records, error))
        return false;
    while (records->len > 0)
        recover(node, g_ptr_array_steal_index(records, 0));
    supervise_all(node);
    return load_definitions(node, error);
}
