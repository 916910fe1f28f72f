/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a restarted engine believes: the records (config.json, journal) as far as the running processes bear them
 * out, by pid and start time. What it cannot make sense of stays as it is, with one line in the log.
 */
#include "node/startup.h"

#include <string.h>
#include <unistd.h>

#include "guest/deferred.h"
#include "guest/find.h"
#include "guest/hold.h"
#include "guest/monitor.h"
#include "node/ending.h"
#include "node/state.h"
#include "node/supervise.h"
#include "node/takeup.h"
#include "qmp/commands.h"
#include "upgrade/kill.h"
#include "upgrade/record.h"

#define STATUS_TIMEOUT_MS 2000
#define REOPEN_TIMEOUT_MS 5000 /* of which a terminal takes a second, should somebody have it open */
#define RECOVERY_PATIENCE_MS 10000

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

/* One that does not answer is asked again while it is supervised. */
static void
find_state(ObjlistDomain *domain, const GuestInstance *instance)
{
    QmpWait wait = qmp_wait_from_now(STATUS_TIMEOUT_MS, -1);
    QmpStatus status = {0};

    objlist_domain_set_state(domain, OBJLIST_DOMAIN_UNKNOWN);
    if (!instance->monitor || !qmp_query_status(instance->monitor, &wait, &status, NULL))
        return;
    objlist_domain_set_state(domain, status.running ? OBJLIST_DOMAIN_RUNNING : OBJLIST_DOMAIN_PAUSED);
    qmp_status_clear(&status);
}

/* An instance on record, with what was found of its process. */
typedef struct {
    GuestInstance *instance;
    PathsInstance *paths;
    bool has_ended;
} Found;

static void
found_free(gpointer data)
{
    Found *found = data;

    guest_instance_free(found->instance);
    paths_instance_free(found->paths);
    g_free(found);
}

static void
remove_instance(const PathsInstance *paths, const GuestInstance *instance)
{
    g_autoptr(GError) error = NULL;

    if ((instance && instance->hugetlbfs_dir && !paths_hugetlbfs_remove(instance->hugetlbfs_dir, &error)) ||
        !paths_instance_remove(paths, &error))
        g_warning("%s: not removed: %s", paths->dir, error->message);
}

/* A start that an engine did not live to finish was never answered to anybody: it is taken back. */
static void
take_back_start(Found *found)
{
    GuestInstance *instance = found->instance;
    g_autoptr(GError) error = NULL;

    if (guest_hold(instance, found->paths, &error) == GUEST_HOLD_UNKNOWN ||
        (instance->pidfd >= 0 && !upgrade_kill(instance, 0, NULL, &error)))
        g_warning("%s: a QEMU that was being started is left: %s", found->paths->dir, error->message);
    else
        remove_instance(found->paths, instance);
}

/* A folder without a record: cut off between the two. Unless a QEMU belongs to it, there is nothing to keep. */
static bool
is_cut_off(const PathsInstance *paths, const GError *problem)
{
    ProcessIdentity identity;
    g_autoptr(GError) error = NULL;

    return g_error_matches(problem, PATHS_ERROR, PATHS_ERROR_MISSING) &&
           !guest_find_by_mark(paths, &identity, &error) && !error;
}

/* NULL when there is nothing to find, or nothing that is understood. */
static Found *
find_instance(Node *node, guint64 domain_id)
{
    Found *found = g_new0(Found, 1);
    g_autoptr(GError) error = NULL;

    found->paths = paths_instance_new(node->dirs, domain_id);
    found->instance = guest_instance_load(found->paths, &error);
    if (!found->instance && is_cut_off(found->paths, error))
        remove_instance(found->paths, NULL);
    else if (!found->instance)
        g_warning("instance %" G_GUINT64_FORMAT " left as it is: %s", domain_id, error->message);
    else if (found->instance->process.pid == 0)
        take_back_start(found);
    else {
        found->has_ended = guest_has_ended(found->instance, found->paths);
        return found;
    }
    found_free(found);
    return NULL;
}

/* Takes what it needs out of FOUND. FALSE when the name is another one's. */
static bool
add_instance(Node *node, Found *found, GError **error)
{
    GuestInstance *instance = found->instance;
    g_autoptr(ObjlistDomain) domain = objlist_domain_new(instance->definition->name, instance->definition->uuid,
                                                         instance->domain_id, paths_instance_copy(found->paths));

    if (!objlist_tables_add_primary(node->environment.tables, domain, error))
        return false;
    objlist_domain_set_data(domain, g_steal_pointer(&found->instance), (GDestroyNotify)guest_instance_free);
    if (!found->has_ended)
        instance->monitor = guest_monitor_connect(instance, found->paths, NULL);
    find_state(domain, instance);
    return true;
}

/* Its name is another instance's, and no journal says why. */
static void
handle_second(Node *node, Found *found, GPtrArray *records, const GError *error)
{
    GuestInstance *instance = found->instance;
    g_autoptr(ObjlistDomain) first =
        objlist_tables_find_by_name(node->environment.tables, instance->definition->name);

    if (found->has_ended)
        remove_instance(found->paths, instance);
    else if (first && g_strcmp0(objlist_domain_get_uuid(first), instance->definition->uuid) == 0)
        g_ptr_array_add(records, upgrade_record_for_pair(objlist_domain_get_data(first), instance));
    else
        g_warning("instance %" G_GUINT64_FORMAT " left as it is: %s", instance->domain_id, error->message);
}

static bool
is_target(const GPtrArray *records, guint64 domain_id)
{
    for (guint i = 0; i < records->len; i++)
        if (((const UpgradeRecord *)g_ptr_array_index(records, i))->target_id == domain_id)
            return true;
    return false;
}

/* Those that live come first: a name belongs to them. Among them the oldest. */
static gint
compare_found(gconstpointer a, gconstpointer b)
{
    const Found *left = *(const Found *const *)a, *right = *(const Found *const *)b;

    if (left->has_ended != right->has_ended)
        return left->has_ended ? 1 : -1;
    return left->instance->domain_id < right->instance->domain_id ? -1 : 1;
}

/* RECORDS gains one for every two QEMUs of one guest that it does not explain. */
static bool
load_instances(Node *node, GPtrArray *records, GError **error)
{
    g_autoptr(GArray) ids = paths_instance_list(node->dirs, error);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(found_free);
    if (!ids)
        return false;
    for (guint i = 0; i < ids->len; i++) {
        guint64 domain_id = g_array_index(ids, guint64, i);
        Found *found = is_target(records, domain_id) ? NULL : find_instance(node, domain_id);
        if (found)
            g_ptr_array_add(all, found);
    }
    g_ptr_array_sort(all, compare_found);
    for (guint i = 0; i < all->len; i++) {
        Found *found = g_ptr_array_index(all, i);
        g_autoptr(GError) problem = NULL;
        if (!add_instance(node, found, &problem))
            handle_second(node, found, records, problem);
    }
    return true;
}

static bool
process_is_gone(const ProcessIdentity *identity)
{
    g_autoptr(GError) error = NULL;
    int pidfd = process_identity_open(identity, &error);

    if (pidfd < 0)
        return g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE);
    bool has_exited = process_has_exited(pidfd);
    close(pidfd);
    return has_exited;
}

/* Of an upgrade whose guest lives on in a third QEMU: it is over, only its record could not be removed. */
static bool
is_superseded(const UpgradeRecord *record, ObjlistDomain *known)
{
    const GuestInstance *instance = known ? objlist_domain_get_data(known) : NULL;

    return instance && instance->domain_id > record->target_id && instance->pidfd >= 0 &&
           process_is_gone(&record->source) && process_is_gone(&record->target);
}

static void
recover(Node *node, UpgradeRecord *record)
{
    g_autoptr(ObjlistDomain) known = objlist_tables_find_by_name(node->environment.tables, record->guest);

    if (is_superseded(record, known)) {
        g_warning("%s: the record of upgrade %s is of the past, and removed", record->guest, record->session);
        upgrade_record_remove(record, node->dirs, NULL);
        upgrade_record_free(record);
        return;
    }
    bool is_source = known && objlist_domain_get_id(known) == record->source_id;
    node_take_up(node, record, is_source ? known : NULL, NODE_TAKE_UP_DECIDE, NULL, NULL);
}

static gboolean
set_flag(gpointer flag)
{
    *(bool *)flag = true;
    return G_SOURCE_CONTINUE;
}

/* All at once. What takes longer than this goes on while others are served. */
static void
recover_all(Node *node, GPtrArray *records)
{
    bool is_late = false;
    guint timer = g_timeout_add(RECOVERY_PATIENCE_MS, set_flag, &is_late);

    while (records->len > 0)
        recover(node, g_ptr_array_steal_index(records, 0));
    while (node->n_taken_up > 0 && !is_late)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
}

/* Ports that were not free, or an engine that ended, when an upgrade was to open them. */
static void
open_deferred(ObjlistDomain *domain, GuestInstance *instance)
{
    QmpWait wait = qmp_wait_from_now(REOPEN_TIMEOUT_MS, -1);
    g_autoptr(GError) error = NULL, save_error = NULL;

    if (instance->deferred->len == 0)
        return;
    if (!guest_deferred_open(instance, &wait, &error))
        g_warning("%s: %s", objlist_domain_get_name(domain), error->message);
    /* Of several some may be open now. */
    if (!guest_instance_save(instance, objlist_domain_get_paths(domain), &save_error))
        g_warning("%s: %s", objlist_domain_get_name(domain), save_error->message);
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
        bool is_spoken_for = objlist_domain_has_job(domain) ||
                             objlist_domain_get_state(domain) == OBJLIST_DOMAIN_NEEDS_OPERATOR;
        if (instance->process.pid == 0 || is_spoken_for)
            continue;
        if (guest_has_ended(instance, objlist_domain_get_paths(domain)))
            node_ending_handle_reaped(node, domain, &unknown);
        else {
            open_deferred(domain, instance);
            node_supervise_start(node, domain);
        }
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
    recover_all(node, records);
    supervise_all(node);
    return load_definitions(node, error);
}
