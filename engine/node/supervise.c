/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/supervise.h"

#include <glib-unix.h>

#include "guest/monitor.h"
#include "node/ending.h"
#include "node/state.h"
#include "qmp/commands.h"
#include "qmp/json.h"

typedef struct {
    Node *node;
    ObjlistDomain *domain; /* borrowed: the table of watches holds it */
    guint exit_source, monitor_source;
    guint64 clearing_id; /* of the command that clears what an upgrade has left on; 0: not sent */
    guint64 status_id;   /* of the question what it does; 0: not sent */
} NodeWatch;

static gboolean
on_end(gint pidfd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    NodeWatch *watch = user_data;
    g_autoptr(ObjlistDomain) domain = objlist_domain_ref(watch->domain);

    watch->exit_source = 0;
    node_ending_handle(watch->node, domain);
    return G_SOURCE_REMOVE;
}

static void
set_state(NodeWatch *watch, ObjlistDomainState state)
{
    if (objlist_domain_get_state(watch->domain) == OBJLIST_DOMAIN_NEEDS_OPERATOR)
        return;
    objlist_domain_set_state(watch->domain, state);
    json_object *data = json_object_new_object();
    qmp_json_add_string(data, "state", objlist_domain_state_to_string(state));
    node_events_emit(watch->node->events, "guest-state", objlist_domain_get_name(watch->domain),
                     objlist_domain_get_id(watch->domain), data);
}

static void
handle_event(NodeWatch *watch, GuestInstance *instance, const QmpEvent *event)
{
    if (g_str_equal(event->name, "STOP")) {
        set_state(watch, OBJLIST_DOMAIN_PAUSED);
    } else if (g_str_equal(event->name, "RESUME")) {
        set_state(watch, OBJLIST_DOMAIN_RUNNING);
    } else if (g_str_equal(event->name, "SHUTDOWN")) {
        const char *reason = qmp_json_get_string(event->data, "reason");
        g_free(instance->last_shutdown);
        instance->last_shutdown = g_strdup(reason ? reason : "guest-shutdown");
    }
}

static void
handle_events(NodeWatch *watch)
{
    GuestInstance *instance = objlist_domain_get_data(watch->domain);
    QmpEvent *event;

    while ((event = qmp_client_pop_event(instance->monitor))) {
        handle_event(watch, instance, event);
        qmp_event_free(event);
    }
}

static void
note_cleared(NodeWatch *watch, GuestInstance *instance)
{
    const char *name = objlist_domain_get_name(watch->domain);
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&instance->capabilities_left, g_strfreev);
    if (guest_instance_save(instance, objlist_domain_get_paths(watch->domain), &error))
        g_message("%s: answers again, and has its migration capabilities cleared", name);
    else
        g_warning("%s: %s", name, error->message);
}

/*
 * What an upgrade had to leave on, for this QEMU did not answer. The command is sent once and lies in its monitor until it goes
 * on; one that refuses it is not asked again before the next engine, or the next upgrade, does so.
 */
static void
clear_capabilities(NodeWatch *watch, GuestInstance *instance)
{
    const QmpWait no_wait = {.deadline_us = 0, .cancel_fd = -1};
    g_autoptr(GError) error = NULL;

    if (!instance->capabilities_left)
        return;
    if (watch->clearing_id == 0)
        watch->clearing_id = qmp_migrate_send_capabilities(
            instance->monitor, (const char *const *)instance->capabilities_left, false, NULL);
    if (watch->clearing_id == 0)
        return; /* not greeted yet */
    if (qmp_client_collect(instance->monitor, watch->clearing_id, &no_wait, NULL, &error))
        note_cleared(watch, instance);
    else if (g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE))
        g_warning("%s: its migration capabilities are left on: %s", objlist_domain_get_name(watch->domain), error->message);
}

/* Of one that did not say when an engine began. Asked once: the question lies in its monitor until it goes on. */
static void
learn_state(NodeWatch *watch, GuestInstance *instance)
{
    const QmpWait no_wait = {.deadline_us = 0, .cancel_fd = -1};
    g_autoptr(json_object) reply = NULL;
    bool is_running = false;

    if (objlist_domain_get_state(watch->domain) != OBJLIST_DOMAIN_UNKNOWN)
        return;
    if (watch->status_id == 0)
        watch->status_id = qmp_client_send(instance->monitor, "query-status", NULL, NULL);
    if (watch->status_id != 0 && qmp_client_collect(instance->monitor, watch->status_id, &no_wait, &reply, NULL) &&
        qmp_json_get_bool(reply, "running", &is_running))
        set_state(watch, is_running ? OBJLIST_DOMAIN_RUNNING : OBJLIST_DOMAIN_PAUSED);
}

static gboolean
on_monitor(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    NodeWatch *watch = user_data;
    GuestInstance *instance = objlist_domain_get_data(watch->domain);

    qmp_client_process(instance->monitor, NULL);
    clear_capabilities(watch, instance);
    learn_state(watch, instance);
    handle_events(watch);
    if (qmp_client_get_fd(instance->monitor) >= 0)
        return G_SOURCE_CONTINUE;
    /* Closed or broken: the guest goes on without it. A job that needs it connects anew. */
    watch->monitor_source = 0;
    g_clear_pointer(&instance->monitor, qmp_client_free);
    return G_SOURCE_REMOVE;
}

static void
watch_free(gpointer data)
{
    NodeWatch *watch = data;

    if (watch->exit_source)
        g_source_remove(watch->exit_source);
    if (watch->monitor_source)
        g_source_remove(watch->monitor_source);
    g_free(watch);
}

static void
watch_monitor(NodeWatch *watch, GuestInstance *instance)
{
    const PathsInstance *paths = objlist_domain_get_paths(watch->domain);

    guest_monitor_give_back(instance);
    if (guest_monitor_is_borrowed(instance))
        return; /* its owner needs it; only jobs take it */
    if (!instance->monitor && paths)
        instance->monitor = guest_monitor_connect(instance, paths, NULL);
    if (!instance->monitor)
        return;
    clear_capabilities(watch, instance);
    learn_state(watch, instance);
    if (qmp_client_get_fd(instance->monitor) < 0)
        return;
    handle_events(watch); /* what a job has left in the queue */
    watch->monitor_source = g_unix_fd_add(qmp_client_get_fd(instance->monitor), G_IO_IN | G_IO_HUP, on_monitor, watch);
}

void
node_supervise_start(Node *node, ObjlistDomain *domain)
{
    GuestInstance *instance = objlist_domain_get_data(domain);

    if (!instance || instance->pidfd < 0 || g_hash_table_contains(node->watches, domain))
        return;
    NodeWatch *watch = g_new0(NodeWatch, 1);
    watch->node = node;
    watch->domain = domain;
    g_hash_table_insert(node->watches, objlist_domain_ref(domain), watch);
    watch_monitor(watch, instance);
    watch->exit_source = g_unix_fd_add(instance->pidfd, G_IO_IN, on_end, watch);
}

void
node_supervise_stop(Node *node, ObjlistDomain *domain)
{
    g_hash_table_remove(node->watches, domain);
}

GHashTable *
node_supervise_new_table(void)
{
    return g_hash_table_new_full(NULL, NULL, (GDestroyNotify)objlist_domain_unref, watch_free);
}
