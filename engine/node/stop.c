/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping a guest. The worker waits for the end of the process and reaps it; cleaning up is the main loop's. A guest that
 * needs its operator has two: standoff.c.
 */
#include "guest/error.h"
#include "guest/monitor.h"
#include "node/ending.h"
#include "node/guests.h"
#include "node/standoff.h"
#include "node/state.h"
#include "node/supervise.h"
#include "node/worker.h"
#include "qmp/json.h"
#include "upgrade/kill.h"
#include "upgrade/timeouts.h"

#define COMMAND_TIMEOUT_MS 10000
#define DEFAULT_TIMEOUT_MS 60000
#define LAST_EVENTS_TIMEOUT_MS 500

typedef struct {
    Node *node;
    ObjlistDomain *domain;
    bool force;
    gint64 timeout_ms;
    ProcessExit end;
    GError *error;
    NodeStopFunc func;
    gpointer user_data;
} NodeStop;

/* SIGTERM lets QEMU unlink its sockets too. */
static bool
stop_by_force(NodeStop *stop, GuestInstance *instance)
{
    if (upgrade_kill(instance, UPGRADE_TIMEOUT_TERMINATE_MS, &stop->end, &stop->error))
        return true;
    guest_error_wrap(&stop->error, GUEST_ERROR_FAILED, "unkillable", "see its process state", "QEMU does not end");
    return false;
}

static bool
stop_by_request(NodeStop *stop, GuestInstance *instance)
{
    QmpWait wait = qmp_wait_from_now(COMMAND_TIMEOUT_MS, -1);

    if (!instance->monitor)
        instance->monitor = guest_monitor_connect(instance, objlist_domain_get_paths(stop->domain), NULL);
    if (!instance->monitor) {
        guest_error_set(&stop->error, GUEST_ERROR_FAILED, "monitor", "moult stop --force",
                        "its QEMU does not answer on the monitor");
        return false;
    }
    if (!qmp_system_powerdown(instance->monitor, &wait, &stop->error)) {
        guest_error_wrap(&stop->error, GUEST_ERROR_FAILED, "monitor", "moult stop --force", "system_powerdown");
        return false;
    }
    if (process_wait_exit(instance->pidfd, stop->timeout_ms, -1, &stop->end, &stop->error))
        return true;
    guest_error_wrap(&stop->error, GUEST_ERROR_TIMED_OUT, "stop-timeout", "give it longer, or moult stop --force",
                     "the guest was asked to power down and still runs");
    return false;
}

static void
read_reason(GuestInstance *instance)
{
    QmpWait wait = qmp_wait_from_now(LAST_EVENTS_TIMEOUT_MS, -1);
    g_autoptr(QmpEvent) event =
        instance->monitor ? qmp_client_wait_event(instance->monitor, "SHUTDOWN", &wait, NULL) : NULL;
    const char *reason = event ? qmp_json_get_string(event->data, "reason") : NULL;

    if (!reason)
        return;
    g_free(instance->last_shutdown);
    instance->last_shutdown = g_strdup(reason);
}

static void
stop_in_worker(gpointer data)
{
    NodeStop *stop = data;
    GuestInstance *instance = objlist_domain_get_data(stop->domain);
    bool stopped = stop->force ? stop_by_force(stop, instance) : stop_by_request(stop, instance);

    if (stopped)
        read_reason(instance);
}

static void
stop_done(gpointer data)
{
    NodeStop *stop = data;
    const GuestInstance *instance = objlist_domain_get_data(stop->domain);

    objlist_domain_end_job(stop->domain);
    if (stop->error) {
        node_supervise_start(stop->node, stop->domain);
        stop->func(NULL, stop->error, stop->user_data);
    } else {
        g_autoptr(json_object) end = node_ending_to_json(instance, &stop->end, NULL);
        node_ending_handle_reaped(stop->node, stop->domain, &stop->end);
        stop->func(end, NULL, stop->user_data);
    }
    objlist_domain_unref(stop->domain);
    g_clear_error(&stop->error);
    g_free(stop);
}

typedef struct {
    Node *node;
    char *name;
    NodeStopFunc func;
    gpointer user_data;
} NodeStopBoth;

static void
both_done(json_object *result G_GNUC_UNUSED, const GError *error, gpointer user_data)
{
    NodeStopBoth *stop = user_data;

    stop->func(error ? NULL : node_ending_get_last(stop->node, stop->name), error, stop->user_data);
    g_free(stop->name);
    g_free(stop);
}

/* Whichever of the two QEMUs has the guest: both end. */
static void
stop_both(Node *node, const char *name, NodeStopFunc func, gpointer user_data)
{
    NodeStopBoth *stop = g_new(NodeStopBoth, 1);

    *stop = (NodeStopBoth){.node = node, .name = g_strdup(name), .func = func, .user_data = user_data};
    node_standoff_take_up(node, name, NODE_TAKE_UP_END, both_done, stop);
}

void
node_guests_stop(Node *node, const char *name, bool force, gint64 timeout_ms, NodeStopFunc func, gpointer user_data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) domain = node_guests_find_running(node, name, &error);

    if (domain && force && objlist_domain_get_state(domain) == OBJLIST_DOMAIN_NEEDS_OPERATOR) {
        stop_both(node, name, func, user_data);
        return;
    }
    if (!domain || !node_guests_begin_job(domain, "stop", 0, &error)) {
        func(NULL, error, user_data);
        return;
    }
    NodeStop *stop = g_new0(NodeStop, 1);
    *stop = (NodeStop){.node = node,
                       .domain = g_steal_pointer(&domain),
                       .force = force,
                       .timeout_ms = timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS,
                       .func = func,
                       .user_data = user_data};
    node_supervise_stop(node, stop->domain);
    node_worker_start(node, stop_in_worker, stop_done, stop);
}
