/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Call and connection know each other until one of them ends: the call by its answer (or its last reference),
 * the connection by control_call_detach. Neither owns the other.
 */
#include "control/call.h"

#include "control/call-internal.h"
#include "qmp/json.h"

struct ControlCall {
    gint ref_count;
    GMainContext *context;
    ControlConnection *connection; /* NULL once answered, or once the connection is no more */
    const ControlIdl *idl;
    const ControlIdlMethod *declaration;
    char *method;
    bool more, oneway;
    ControlPeer peer;
    ControlCallClosedFunc closed_func;
    gpointer closed_data;
};

ControlCall *
control_call_new(ControlConnection *connection, const ControlCallInfo *info)
{
    ControlCall *call = g_new0(ControlCall, 1);

    call->ref_count = 1;
    call->context = g_main_context_ref(info->context);
    call->connection = connection;
    call->method = g_strdup(info->method);
    call->more = info->more;
    call->oneway = info->oneway;
    call->peer = info->peer;
    return call;
}

ControlCall *
control_call_ref(ControlCall *call)
{
    g_atomic_int_inc(&call->ref_count);
    return call;
}

/* Lets go of the connection, which may then take its next call. */
static void
call_end(ControlCall *call)
{
    ControlConnection *connection = g_steal_pointer(&call->connection);

    call->closed_func = NULL;
    if (connection)
        control_connection_end_call(connection, call);
}

static void
call_free(ControlCall *call)
{
    if (call->connection && !control_connection_is_closed(call->connection)) {
        g_critical("call of %s was dropped without an answer", call->method);
        control_connection_close(call->connection);
    }
    call_end(call);
    g_free(call->method);
    g_main_context_unref(call->context);
    g_free(call);
}

static gboolean
call_free_later(gpointer data)
{
    call_free(data);
    return G_SOURCE_REMOVE;
}

/*
 * Always from the main loop: g_main_context_invoke could run it on the calling thread when the loop is not
 * running, and a handler that drops its call must not find its connection gone when it returns.
 */
void
control_call_unref(ControlCall *call)
{
    if (!call || !g_atomic_int_dec_and_test(&call->ref_count))
        return;
    if (g_main_context_is_owner(call->context)) {
        call_free(call);
        return;
    }
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, call_free_later, call, NULL);
    g_source_attach(source, call->context);
}

void
control_call_set_declaration(ControlCall *call, const ControlIdl *idl, const ControlIdlMethod *method)
{
    call->idl = idl;
    call->declaration = method;
}

const char *
control_call_get_method(const ControlCall *call)
{
    return call->method;
}

const ControlPeer *
control_call_get_peer(const ControlCall *call)
{
    return &call->peer;
}

bool
control_call_wants_more(const ControlCall *call)
{
    return call->more;
}

bool
control_call_is_oneway(const ControlCall *call)
{
    return call->oneway;
}

bool
control_call_is_closed(const ControlCall *call)
{
    return !call->connection || control_connection_is_closed(call->connection);
}

/* A mismatch is ours, or that of data which came from outside: the client is better off with it than without.
 */
static void
call_check_reply(const ControlCall *call, json_object *parameters)
{
    g_autofree char *where = NULL;

    if (call->connection && call->declaration &&
        !control_idl_check(call->idl, call->declaration->output, parameters, &where))
        g_warning("reply of %s does not match its description: %s", call->method, where);
}

/* Takes PARAMETERS (NULL for none); ERROR_NAME is NULL for a result. */
static json_object *
make_message(const char *error_name, json_object *parameters)
{
    json_object *message = json_object_new_object();

    qmp_json_add_string(message, "error", error_name);
    qmp_json_add_value(message, "parameters", parameters ? parameters : json_object_new_object());
    return message;
}

static void
call_send(ControlCall *call, json_object *message)
{
    if (call->connection && !call->oneway)
        control_connection_send(call->connection, message);
}

void
control_call_reply(ControlCall *call, json_object *parameters)
{
    g_autoptr(json_object) message = make_message(NULL, parameters);

    call_check_reply(call, qmp_json_get_object(message, "parameters"));
    call_send(call, message);
    call_end(call);
}

void
control_call_reply_continues(ControlCall *call, json_object *parameters)
{
    g_autoptr(json_object) message = make_message(NULL, parameters);

    g_return_if_fail(call->more);
    call_check_reply(call, qmp_json_get_object(message, "parameters"));
    qmp_json_add_bool(message, "continues", true);
    call_send(call, message);
}

void
control_call_fail(ControlCall *call, const char *error_name, json_object *parameters)
{
    g_autoptr(json_object) message = make_message(error_name, parameters);

    call_send(call, message);
    call_end(call);
}

void
control_call_fail_invalid_parameter(ControlCall *call, const char *parameter)
{
    json_object *parameters = json_object_new_object();

    qmp_json_add_string(parameters, "parameter", parameter);
    control_call_fail(call, "org.varlink.service.InvalidParameter", parameters);
}

void
control_call_fail_permission(ControlCall *call)
{
    control_call_fail(call, "org.varlink.service.PermissionDenied", NULL);
}

void
control_call_set_closed_func(ControlCall *call, ControlCallClosedFunc func, gpointer user_data)
{
    if (!call->connection)
        return;
    call->closed_func = func;
    call->closed_data = user_data;
    control_connection_wake(call->connection);
}

void
control_call_notify_closed(ControlCall *call)
{
    ControlCallClosedFunc func = g_steal_pointer(&call->closed_func);

    /* FUNC may drop the last reference but its own. */
    g_autoptr(ControlCall) keep = control_call_ref(call);
    if (func)
        func(keep, call->closed_data);
}

void
control_call_detach(ControlCall *call)
{
    call->connection = NULL;
    call->closed_func = NULL;
}
