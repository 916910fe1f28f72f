/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a guest ended is pieced together from QEMU's last SHUTDOWN event (why) and from its exit status (how), which
 * only the parent is told: after a restart of the engine it is no longer known.
 */
#include "node/ending.h"

#include <signal.h>
#include <string.h>

#include "guest/log.h"
#include "guest/pidfile.h"
#include "guest/spawn.h"
#include "node/state.h"
#include "node/supervise.h"
#include "qmp/json.h"

#define REAP_TIMEOUT_MS 1000
#define MAX_LAST_ENDINGS 256

typedef struct {
    guint id;
    char *guest;
    NodeEndFunc func;
    gpointer user_data;
} NodeWaiter;

static void
waiter_free(gpointer data)
{
    NodeWaiter *waiter = data;

    g_free(waiter->guest);
    g_free(waiter);
}

GPtrArray *
node_ending_new_waiters(void)
{
    return g_ptr_array_new_with_free_func(waiter_free);
}

guint
node_ending_wait(Node *node, const char *guest, NodeEndFunc func, gpointer user_data)
{
    static guint last_id;
    NodeWaiter *waiter = g_new(NodeWaiter, 1);

    *waiter = (NodeWaiter){.id = ++last_id, .guest = g_strdup(guest), .func = func, .user_data = user_data};
    g_ptr_array_add(node->waiters, waiter);
    return waiter->id;
}

void
node_ending_cancel_wait(Node *node, guint id)
{
    for (guint i = 0; i < node->waiters->len; i++) {
        if (((NodeWaiter *)g_ptr_array_index(node->waiters, i))->id == id) {
            g_ptr_array_remove_index(node->waiters, i);
            return;
        }
    }
}

static void
end_free(gpointer end)
{
    json_object_put(end);
}

GHashTable *
node_ending_new_table(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, end_free);
}

json_object *
node_ending_get_last(Node *node, const char *guest)
{
    return g_hash_table_lookup(node->endings, guest);
}

void
node_ending_forget_last(Node *node, const char *guest)
{
    g_hash_table_remove(node->endings, guest);
}

static void
keep_last(Node *node, const char *guest, json_object *end)
{
    if (g_hash_table_size(node->endings) >= MAX_LAST_ENDINGS)
        g_hash_table_remove_all(node->endings);
    g_hash_table_insert(node->endings, g_strdup(guest), json_object_get(end));
}

static void
tell_waiters(Node *node, const char *guest, json_object *end)
{
    for (guint i = 0; i < node->waiters->len;) {
        NodeWaiter *waiter = g_ptr_array_index(node->waiters, i);
        if (!g_str_equal(waiter->guest, guest)) {
            i++;
            continue;
        }
        waiter = g_ptr_array_steal_index(node->waiters, i);
        waiter->func(end, waiter->user_data);
        waiter_free(waiter);
        i = 0; /* the function may have changed the list */
    }
}

static const char *
reason_for(const GuestInstance *instance, const ProcessExit *end)
{
    if (instance->last_shutdown)
        return instance->last_shutdown;
    if (!end->known)
        return "unknown";
    return end->signal ? "killed" : "exited";
}

json_object *
node_ending_to_json(const GuestInstance *instance, const ProcessExit *end, const char *message)
{
    json_object *object = json_object_new_object();

    qmp_json_add_string(object, "reason", reason_for(instance, end));
    if (end->known && end->signal)
        qmp_json_add_int64(object, "signal", end->signal);
    else if (end->known)
        qmp_json_add_int64(object, "exit_code", end->exit_code);
    if (message && *message)
        qmp_json_add_string(object, "message", message);
    return object;
}

static bool
log_failure(const char *guest, const char *what, bool done, GError *error)
{
    if (!done)
        g_warning("%s: %s: %s", guest, what, error ? error->message : "failed");
    g_clear_error(&error);
    return done;
}

/* The alias is this instance's, or of one of which nothing is left (an upgrade's target that ended in mid-Confirm). */
static bool
alias_is_of(Node *node, const char *name, guint64 domain_id)
{
    guint64 alias_id = 0;

    if (!paths_alias_get(node->dirs, name, &alias_id))
        return false;
    g_autoptr(PathsInstance) paths = paths_instance_new(node->dirs, alias_id);
    return alias_id == domain_id || !g_file_test(paths->dir, G_FILE_TEST_EXISTS);
}

static void
clean_up(Node *node, ObjlistDomain *domain, const GuestInstance *instance)
{
    const char *name = objlist_domain_get_name(domain);
    GError *error = NULL;

    if (instance->pidfile)
        log_failure(name, "pidfile", guest_pidfile_remove(instance, &error), g_steal_pointer(&error));
    if (instance->hugetlbfs_dir) {
        bool removed = paths_hugetlbfs_remove(instance->hugetlbfs_dir, &error);
        log_failure(name, "hugepage folder", removed, g_steal_pointer(&error));
    }
    if (alias_is_of(node, name, objlist_domain_get_id(domain))) {
        bool removed = paths_alias_remove(node->dirs, name, &error);
        log_failure(name, "alias", removed, g_steal_pointer(&error));
    }
    bool removed = paths_instance_remove(objlist_domain_get_paths(domain), &error);
    log_failure(name, "instance folder", removed, g_steal_pointer(&error));
}

/* A defined guest stays in the table as shut off; a transient one goes. */
static void
leave_table(Node *node, ObjlistDomain *domain, const GuestInstance *instance)
{
    if (!instance->definition->transient) {
        g_autoptr(ObjlistDomain) shut_off =
            objlist_domain_new(objlist_domain_get_name(domain), objlist_domain_get_uuid(domain), 0, NULL);
        GuestInstance *definition_only = guest_instance_new();
        definition_only->definition = guest_definition_copy(instance->definition);
        objlist_domain_set_data(shut_off, definition_only, (GDestroyNotify)guest_instance_free);
        if (objlist_tables_replace_primary(node->environment.tables, domain, shut_off))
            return;
    }
    objlist_tables_remove_primary(node->environment.tables, domain);
}

void
node_ending_handle_reaped(Node *node, ObjlistDomain *domain, const ProcessExit *end)
{
    GuestInstance *instance = objlist_domain_get_data(domain);
    const char *name = objlist_domain_get_name(domain);
    g_autofree char *words = guest_log_dup_last_words(instance, objlist_domain_get_paths(domain));
    bool went_well = instance->last_shutdown || (end->known && end->signal == 0 && end->exit_code == 0);
    g_autoptr(json_object) json = node_ending_to_json(instance, end, went_well ? NULL : words);

    node_supervise_stop(node, domain);
    leave_table(node, domain, instance);
    clean_up(node, domain, instance);
    g_message("%s: ended (%s)", name, qmp_json_get_string(json, "reason"));
    node_events_emit(node->events, "guest-stopped", name, objlist_domain_get_id(domain), json_object_get(json));
    keep_last(node, name, json);
    tell_waiters(node, name, json);
}

/* What the monitor still holds: the SHUTDOWN event is often read together with the end. */
static void
read_last_events(GuestInstance *instance)
{
    QmpWait limit = qmp_wait_from_now(REAP_TIMEOUT_MS, -1);

    for (;;) {
        g_autoptr(QmpEvent) event =
            instance->monitor ? qmp_client_wait_event(instance->monitor, "SHUTDOWN", &limit, NULL) : NULL;
        if (!event)
            return;
        const char *reason = qmp_json_get_string(event->data, "reason");
        g_free(instance->last_shutdown);
        instance->last_shutdown = g_strdup(reason ? reason : "guest-shutdown");
    }
}

void
node_ending_handle(Node *node, ObjlistDomain *domain)
{
    GuestInstance *instance = objlist_domain_get_data(domain);
    ProcessExit end = {0};

    read_last_events(instance);
    if (!process_wait_exit(instance->pidfd, REAP_TIMEOUT_MS, -1, &end, NULL))
        end.known = false;
    node_ending_handle_reaped(node, domain, &end);
}
