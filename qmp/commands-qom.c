/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's object tree: qapi/qom.json. */
#include "qmp/commands.h"

#include <string.h>

#include "qmp/json.h"
#include "qmp/shape.h"

json_object *
qmp_qom_get(QmpClient *client, const char *path, const char *property, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();
    json_object *value = NULL;

    qmp_json_add_string(arguments, "path", path);
    qmp_json_add_string(arguments, "property", property);
    if (!qmp_client_call(client, "qom-get", arguments, wait, &value, error))
        return NULL;
    /* JSON's null is NULL in json-c; QEMU has no property of that type that we read. */
    if (!value)
        qmp_shape_fail("qom-get", "value", error);
    return value;
}

char *
qmp_qom_get_string(QmpClient *client, const char *path, const char *property, const QmpWait *wait,
                   GError **error)
{
    g_autoptr(json_object) value = qmp_qom_get(client, path, property, wait, error);
    const char *text = qmp_json_as_string(value);

    if (value && !text)
        qmp_shape_fail("qom-get", "string", error);
    return g_strdup(text);
}

char *
qmp_qom_dup_child_type(const char *property_type)
{
    static const char prefix[] = "child<";

    if (!g_str_has_prefix(property_type, prefix) || !g_str_has_suffix(property_type, ">"))
        return NULL;
    return g_strndup(property_type + strlen(prefix), strlen(property_type) - strlen(prefix) - 1);
}

GHashTable *
qmp_qom_list(QmpClient *client, const char *path, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(GHashTable) members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    qmp_json_add_string(arguments, "path", path);
    g_autoptr(json_object) reply = qmp_shape_call_array(client, "qom-list", arguments, wait, error);
    if (!reply)
        return NULL;
    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        json_object *element = json_object_array_get_idx(reply, i);
        const char *name = qmp_shape_get_name(element, "name");
        const char *type = qmp_shape_get_name(element, "type");
        if (!name || !type) {
            qmp_shape_fail("qom-list", "property", error);
            return NULL;
        }
        g_hash_table_replace(members, g_strdup(name), g_strdup(type));
    }
    return g_steal_pointer(&members);
}

GPtrArray *
qmp_qom_list_objects(QmpClient *client, const char *type, const QmpWait *wait, GError **error)
{
    g_autoptr(GHashTable) objects = qmp_qom_list(client, QMP_QOM_OBJECTS, wait, error);
    g_autofree char *wanted = g_strdup_printf("child<%s>", type);
    GHashTableIter iter;
    gpointer name, property_type;

    if (!objects)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_hash_table_iter_init(&iter, objects);
    while (g_hash_table_iter_next(&iter, &name, &property_type))
        if (g_str_equal(property_type, wanted))
            g_ptr_array_add(names, g_strdup(name));
    return names;
}

GHashTable *
qmp_qom_list_types(QmpClient *client, const char *implements, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(GHashTable) types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    qmp_json_add_string(arguments, "implements", implements);
    qmp_json_add_bool(arguments, "abstract", false);
    g_autoptr(json_object) reply = qmp_shape_call_array(client, "qom-list-types", arguments, wait, error);
    if (!reply)
        return NULL;
    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        const char *name = qmp_shape_get_name(json_object_array_get_idx(reply, i), "name");
        if (!name) {
            qmp_shape_fail("qom-list-types", "name", error);
            return NULL;
        }
        g_hash_table_add(types, g_strdup(name));
    }
    return g_steal_pointer(&types);
}

json_object *
qmp_device_list_properties(QmpClient *client, const char *type_name, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "typename", type_name);
    return qmp_shape_call_array(client, "device-list-properties", arguments, wait, error);
}
