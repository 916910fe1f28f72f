/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run, Define, Start, Undefine, Adopt, Release, Stop, Wait.
 */
#include "control/handlers.h"

#include "guest/definition.h"
#include "guest/error.h"
#include "node/adopt.h"
#include "node/describe.h"
#include "node/ending.h"
#include "node/guests.h"
#include "qmp/json.h"

static GuestDefinition *
read_definition(ControlCall *call, json_object *parameters, bool transient)
{
    g_autoptr(GuestDefinition) definition =
        guest_definition_new(qmp_json_get_string(parameters, "name"), NULL, qmp_json_get_string(parameters, "binary"));
    gint64 hugepage_size = 0;

    g_strfreev(definition->argv);
    definition->argv = qmp_json_dup_strv(parameters, "argv");
    g_free(definition->cwd);
    definition->cwd = g_strdup(qmp_json_get_string(parameters, "cwd"));
    definition->environment = qmp_json_dup_strv(parameters, "environment");
    definition->user = g_strdup(qmp_json_get_string(parameters, "user"));
    definition->transient = transient;
    if (qmp_json_get_int64(parameters, "hugepage_size_bytes", &hugepage_size) && hugepage_size < 0)
        hugepage_size = 1; /* not a page size: refused below */
    definition->hugepage_size_bytes = (guint64)hugepage_size;
    /* The UUID is made later; everything else must be acceptable now. */
    g_autoptr(GuestDefinition) complete = guest_definition_copy(definition);
    complete->uuid = g_uuid_string_random();
    g_autoptr(GError) error = NULL;
    if (!paths_name_is_valid(definition->name, &error))
        guest_error_wrap(&error, GUEST_ERROR_REFUSED, "name-invalid", "see moult(1) on names", NULL);
    else if (guest_definition_validate(complete, &error))
        return g_steal_pointer(&definition);
    else
        guest_error_wrap(&error, GUEST_ERROR_REFUSED, "definition-invalid", NULL, NULL);
    control_fail_with(call, definition->name, error);
    return NULL;
}

typedef struct {
    ControlCall *call;
    char *name;
} Pending;

static Pending *
pending_new(ControlCall *call, const char *name)
{
    Pending *pending = g_new(Pending, 1);

    *pending = (Pending){.call = control_call_ref(call), .name = g_strdup(name)};
    return pending;
}

static void
pending_free(Pending *pending)
{
    control_call_unref(pending->call);
    g_free(pending->name);
    g_free(pending);
}

static void
on_started(ObjlistDomain *domain, const GError *error, gpointer user_data)
{
    Pending *pending = user_data;

    if (error)
        control_fail_with(pending->call, pending->name, error);
    else
        control_call_reply(pending->call, control_wrap("guest", node_describe_guest(domain)));
    pending_free(pending);
}

void
control_handle_run(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    GuestDefinition *definition = read_definition(call, parameters, true);

    if (definition)
        node_guests_run(context->node, definition, on_started, pending_new(call, definition->name));
}

void
control_handle_define(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    GuestDefinition *definition = read_definition(call, parameters, false);
    g_autoptr(GError) error = NULL;

    if (!definition)
        return;
    if (node_guests_define(context->node, definition, &error))
        control_call_reply(call, NULL);
    else
        control_fail_with(call, qmp_json_get_string(parameters, "name"), error);
}

void
control_handle_start(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name");

    node_guests_start(context->node, name, on_started, pending_new(call, name));
}

void
control_handle_adopt(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name");
    const char *qmp = qmp_json_get_string(parameters, "qmp");
    gint64 pid = 0;

    qmp_json_get_int64(parameters, "pid", &pid);
    if (pid < 0 || pid > G_MAXINT32 || (pid == 0 && !qmp))
        control_call_fail_invalid_parameter(call, "pid");
    else if (qmp && !g_path_is_absolute(qmp))
        control_call_fail_invalid_parameter(call, "qmp");
    else
        node_adopt(context->node, name, (pid_t)pid, qmp, on_started, pending_new(call, name));
}

void
control_handle_release(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name");
    g_autoptr(GError) error = NULL;

    if (node_release(context->node, name, &error))
        control_call_reply(call, NULL);
    else
        control_fail_with(call, name, error);
}

void
control_handle_undefine(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name");
    g_autoptr(GError) error = NULL;

    if (node_guests_undefine(context->node, name, &error))
        control_call_reply(call, NULL);
    else
        control_fail_with(call, name, error);
}

static void
on_stopped(json_object *end, const GError *error, gpointer user_data)
{
    Pending *pending = user_data;

    if (error)
        control_fail_with(pending->call, pending->name, error);
    else
        control_call_reply(pending->call, control_wrap("end", json_object_get(end)));
    pending_free(pending);
}

void
control_handle_stop(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name");
    bool force = false;
    gint64 timeout_ms = 0;

    qmp_json_get_bool(parameters, "force", &force);
    qmp_json_get_int64(parameters, "timeout_ms", &timeout_ms);
    node_guests_stop(context->node, name, force, timeout_ms, on_stopped, pending_new(call, name));
}

typedef struct {
    ControlCall *call;
    Node *node;
    guint wait_id;
} WaitCall;

static void
on_ended(json_object *end, gpointer user_data)
{
    WaitCall *wait = user_data;

    control_call_set_closed_func(wait->call, NULL, NULL);
    control_call_reply(wait->call, control_wrap("end", json_object_get(end)));
    control_call_unref(wait->call);
    g_free(wait);
}

static void
on_waiter_left(ControlCall *call G_GNUC_UNUSED, gpointer user_data)
{
    WaitCall *wait = user_data;

    node_ending_cancel_wait(wait->node, wait->wait_id);
    control_call_unref(wait->call);
    g_free(wait);
}

void
control_handle_wait(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name");
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) domain = node_guests_find_running(context->node, name, &error);

    json_object *last = domain ? NULL : node_ending_get_last(context->node, name);
    if (last) {
        control_call_reply(call, control_wrap("end", json_object_get(last)));
        return;
    }
    if (!domain) {
        control_fail_with(call, name, error);
        return;
    }
    WaitCall *wait = g_new(WaitCall, 1);
    *wait = (WaitCall){.call = control_call_ref(call), .node = context->node};
    wait->wait_id = node_ending_wait(context->node, name, on_ended, wait);
    control_call_set_closed_func(call, on_waiter_left, wait);
}
