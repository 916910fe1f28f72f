/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * List, Show, Jobs, History, Capabilities, Watch: what changes nothing.
 */
#include "control/handlers.h"

#include "guest/error.h"
#include "node/describe.h"
#include "node/events.h"
#include "node/foreign.h"
#include "node/guests.h"
#include "node/history.h"
#include "node/jobs.h"
#include "node/watch.h"
#include "qmp/json.h"
#include "upgrade/method.h"

static void
on_listed(json_object *guests, const GError *error, gpointer user_data)
{
    ControlCall *call = user_data;

    if (error)
        control_fail_with(call, NULL, error);
    else
        control_call_reply(call, control_wrap("guests", json_object_get(guests)));
    control_call_unref(call);
}

void
control_handle_list(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    bool all = false, outdated = false;

    qmp_json_get_bool(parameters, "all", &all);
    qmp_json_get_bool(parameters, "outdated", &outdated);
    if (all) {
        node_foreign_list(context->node, outdated, on_listed, control_call_ref(call));
        return;
    }
    control_call_reply(call, control_wrap("guests", node_describe_all(context->node, all, outdated)));
}

void
control_handle_show(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name");
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) domain = node_guests_find(context->node, name, &error);

    if (domain)
        control_call_reply(call, control_wrap("details", node_describe_details(context->node, domain)));
    else
        control_fail_with(call, name, error);
}

void
control_handle_jobs(ControlCall *call, json_object *parameters G_GNUC_UNUSED, gpointer user_data)
{
    ControlContext *context = user_data;

    control_call_reply(call, control_wrap("jobs", node_jobs_describe(context->node)));
}

void
control_handle_cancel(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    json_object *late = NULL;
    gint64 job = 0;

    if (qmp_json_get_int64(parameters, "job", &job) && job > 0 &&
        node_jobs_cancel(context->node, (guint64)job, &late)) {
        control_call_reply(call, control_wrap("late", late));
        return;
    }
    g_autoptr(GError) error = NULL;
    guest_error_set(&error, GUEST_ERROR_REFUSED, "job-unknown", "moult jobs lists them",
                    "no job %" G_GINT64_FORMAT " is under way", job);
    control_fail_with(call, NULL, error);
}

void
control_handle_history(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *guest = qmp_json_get_string(parameters, "guest");
    g_autoptr(GError) error = NULL;
    gint64 limit = 0;

    qmp_json_get_int64(parameters, "limit", &limit);
    json_object *entries = node_history_read(node_get_environment(context->node)->dirs, guest,
                                             (guint)CLAMP(limit, 0, G_MAXINT), &error);
    if (entries)
        control_call_reply(call, control_wrap("entries", entries));
    else
        control_fail_with(call, guest, error);
}

void
control_handle_capabilities(ControlCall *call, json_object *parameters G_GNUC_UNUSED, gpointer user_data G_GNUC_UNUSED)
{
    static const char *const features[] = {"hugepages", "user", "paused", "dry-run", "parallel", "cancel", "adopt", "resolve", NULL};
    json_object *reply = json_object_new_object();

    qmp_json_add_string(reply, "version", MOULT_VERSION);
    qmp_json_add_strv(reply, "methods", upgrade_method_list());
    qmp_json_add_strv(reply, "features", features);
    control_call_reply(call, reply);
}

typedef struct {
    ControlCall *call;
    Node *node;
    guint subscription;
} WatchCall;

static void
on_event(json_object *event, gpointer user_data)
{
    WatchCall *watch = user_data;

    control_call_reply_continues(watch->call, control_wrap("event", json_object_get(event)));
}

static void
on_watcher_left(ControlCall *call G_GNUC_UNUSED, gpointer user_data)
{
    WatchCall *watch = user_data;

    node_unwatch(watch->node, watch->subscription);
    control_call_unref(watch->call);
    g_free(watch);
}

void
control_handle_watch(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *guest = qmp_json_get_string(parameters, "guest");
    g_autoptr(GError) error = NULL;

    if (!control_call_wants_more(call)) {
        control_call_fail(call, "org.varlink.service.ExpectedMore", NULL);
        return;
    }
    /* Whoever waits for a guest that is yet to come watches them all: a name that was mistyped must not look like peace. */
    g_autoptr(ObjlistDomain) domain = guest ? node_guests_find(context->node, guest, &error) : NULL;
    if (error) {
        control_fail_with(call, guest, error);
        return;
    }
    WatchCall *watch = g_new(WatchCall, 1);
    *watch = (WatchCall){.call = control_call_ref(call), .node = context->node};
    watch->subscription = node_watch(context->node, guest, on_event, watch);
    control_call_set_closed_func(call, on_watcher_left, watch);
    control_call_reply_continues(call, json_object_new_object());
}
