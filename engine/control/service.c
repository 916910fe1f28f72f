/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/service.h"

#include <string.h>

#include "control/call-internal.h"
#include "control/descriptions.h"
#include "control/idl.h"
#include "qmp/json.h"
#include "qmp/text.h"

typedef struct {
    const char *text;
    ControlIdl *idl;
} Interface;

struct ControlService {
    Interface interfaces[2];
    GHashTable *methods; /* qualified name -> const ControlMethod; borrowed */
    gpointer user_data;
};

/* An error of org.varlink.service whose one parameter repeats what the client sent, cut. */
static void
fail_with_name(ControlCall *call, const char *error_name, const char *key, const char *text)
{
    g_autofree char *quoted = qmp_text_quote(text, QMP_TEXT_MESSAGE_MAX);
    json_object *parameters = json_object_new_object();

    qmp_json_add_string(parameters, key, quoted);
    control_call_fail(call, error_name, parameters);
}

static const Interface *
find_interface(const ControlService *service, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(service->interfaces); i++)
        if (strcmp(control_idl_get_name(service->interfaces[i].idl), name) == 0)
            return &service->interfaces[i];
    return NULL;
}

static void
handle_get_info(const ControlService *service, ControlCall *call)
{
    json_object *reply = json_object_new_object();
    json_object *names = json_object_new_array();

    for (size_t i = 0; i < G_N_ELEMENTS(service->interfaces); i++)
        json_object_array_add(names, qmp_json_string_new(control_idl_get_name(service->interfaces[i].idl)));
    qmp_json_add_string(reply, "vendor", "moult");
    qmp_json_add_string(reply, "product", "moultd");
    qmp_json_add_string(reply, "version", MOULT_VERSION);
    qmp_json_add_string(reply, "url", "");
    qmp_json_add_value(reply, "interfaces", names);
    control_call_reply(call, reply);
}

static void
handle_get_interface_description(const ControlService *service, ControlCall *call, json_object *parameters)
{
    const char *name = qmp_json_get_string(parameters, "interface");
    const Interface *interface = find_interface(service, name);
    json_object *reply;

    if (!interface) {
        fail_with_name(call, "org.varlink.service.InterfaceNotFound", "interface", name);
        return;
    }
    reply = json_object_new_object();
    qmp_json_add_string(reply, "description", interface->text);
    control_call_reply(call, reply);
}

/* METHOD is declared and PARAMETERS are good. */
static void
handle_checked(const ControlService *service, const ControlMethod *method, ControlCall *call,
               json_object *parameters)
{
    const char *name = control_call_get_method(call);

    if (strcmp(name, "org.varlink.service.GetInfo") == 0)
        handle_get_info(service, call);
    else if (strcmp(name, "org.varlink.service.GetInterfaceDescription") == 0)
        handle_get_interface_description(service, call, parameters);
    else if (!method)
        fail_with_name(call, "org.varlink.service.MethodNotImplemented", "method", name);
    else if (method->needs_more && !control_call_wants_more(call))
        control_call_fail(call, "org.varlink.service.ExpectedMore", NULL);
    else
        method->handle(call, parameters, service->user_data);
}

void
control_service_handle(const ControlService *service, ControlCall *call, json_object *parameters)
{
    const char *name = control_call_get_method(call);
    const char *dot = strrchr(name, '.');
    g_autofree char *interface_name = g_strndup(name, dot ? (gsize)(dot - name) : 0);
    g_autofree char *where = NULL;
    const Interface *interface = find_interface(service, interface_name);
    const ControlIdlMethod *declaration;

    if (!interface) {
        fail_with_name(call, "org.varlink.service.InterfaceNotFound", "interface", interface_name);
        return;
    }
    declaration = control_idl_find_method(interface->idl, dot + 1);
    if (!declaration) {
        fail_with_name(call, "org.varlink.service.MethodNotFound", "method", name);
        return;
    }
    control_call_set_declaration(call, interface->idl, declaration);
    if (!control_idl_check(interface->idl, declaration->input, parameters, &where)) {
        fail_with_name(call, "org.varlink.service.InvalidParameter", "parameter", where);
        return;
    }
    handle_checked(service, g_hash_table_lookup(service->methods, name), call, parameters);
}

/* The texts are part of the program: one that does not parse is a bug. */
static Interface
interface_parse(const char *text)
{
    g_autoptr(GError) local_error = NULL;
    ControlIdl *idl = control_idl_parse(text, &local_error);

    if (!idl)
        g_error("interface description: %s", local_error->message);
    return (Interface){.text = text, .idl = idl};
}

static void
service_add_method(ControlService *service, const ControlMethod *method)
{
    const char *dot = strrchr(method->name, '.');
    g_autofree char *interface_name = g_strndup(method->name, dot ? (gsize)(dot - method->name) : 0);
    const Interface *interface = find_interface(service, interface_name);

    if (!interface || !control_idl_find_method(interface->idl, dot + 1))
        g_error("method %s is not declared", method->name);
    g_hash_table_insert(service->methods, (gpointer)method->name, (gpointer)method);
}

ControlService *
control_service_new(const ControlMethod *methods, size_t n, gpointer user_data)
{
    ControlService *service = g_new0(ControlService, 1);

    service->interfaces[0] = interface_parse(control_description_io_moult);
    service->interfaces[1] = interface_parse(control_description_org_varlink_service);
    service->methods = g_hash_table_new(g_str_hash, g_str_equal);
    service->user_data = user_data;
    for (size_t i = 0; i < n; i++)
        service_add_method(service, &methods[i]);
    return service;
}

void
control_service_free(ControlService *service)
{
    if (!service)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(service->interfaces); i++)
        control_idl_free(service->interfaces[i].idl);
    g_hash_table_unref(service->methods);
    g_free(service);
}
