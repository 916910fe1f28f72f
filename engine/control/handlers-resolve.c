/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolve.
 */
#include "control/handlers.h"

#include "node/standoff.h"
#include "qmp/json.h"

typedef struct {
    ControlCall *call;
    ControlContext *context;
    char *name;
    json_object *evidence; /* on which it was decided */
} Pending;

static void
on_resolved(json_object *result, const GError *error, gpointer user_data)
{
    Pending *pending = user_data;

    g_autoptr(json_object) now = node_standoff_dup_evidence(pending->context->node, pending->name, NULL);

    if (error) {
        control_fail_with(pending->call, pending->name, error);
    } else if (now) { /* looked at again, and no wiser */
        control_call_reply(pending->call, control_wrap("evidence", g_steal_pointer(&now)));
    } else {
        json_object *reply = control_wrap("evidence", json_object_get(pending->evidence));
        qmp_json_add_value(reply, "result", json_object_get(result));
        control_call_reply(pending->call, reply);
    }
    control_call_unref(pending->call);
    json_object_put(pending->evidence);
    g_free(pending->name);
    g_free(pending);
}

static bool
parse_choice(const char *choice, NodeTakeUp *ret_what)
{
    RecoverKeep keep;

    if (!recover_keep_from_string(choice, &keep))
        return false;
    *ret_what = keep == RECOVER_KEEP_SOURCE ? NODE_TAKE_UP_KEEP_SOURCE : NODE_TAKE_UP_KEEP_TARGET;
    return true;
}

void
control_handle_resolve(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    const char *name = qmp_json_get_string(parameters, "name"), *choice = qmp_json_get_string(parameters, "keep");
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) evidence = node_standoff_dup_evidence(context->node, name, &error);
    NodeTakeUp what = NODE_TAKE_UP_DECIDE;

    if (choice && !parse_choice(choice, &what)) {
        control_call_fail_invalid_parameter(call, "keep");
    } else if (!evidence) {
        control_fail_with(call, name, error);
    } else {
        Pending *pending = g_new(Pending, 1);
        *pending = (Pending){
            .call = control_call_ref(call), .name = g_strdup(name), .evidence = g_steal_pointer(&evidence)};
        pending->context = context;
        node_standoff_take_up(context->node, name, what, on_resolved, pending);
    }
}
