/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/shape.h"

#include "qmp/text.h"

bool
qmp_shape_fail(const char *command, const char *what, GError **error)
{
    g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE, "%s: reply without a proper %s", command,
                what);
    return false;
}

bool
qmp_shape_call(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
               GError **error)
{
    return qmp_client_call(client, command, arguments, wait, NULL, error);
}

static json_object *
shape_call_type(QmpClient *client, const char *command, json_object *arguments, json_type type,
                const char *what, const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) reply = NULL;

    if (!qmp_client_call(client, command, arguments, wait, &reply, error))
        return NULL;
    if (json_object_is_type(reply, type))
        return g_steal_pointer(&reply);
    qmp_shape_fail(command, what, error);
    return NULL;
}

json_object *
qmp_shape_call_object(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
                      GError **error)
{
    return shape_call_type(client, command, arguments, json_type_object, "object", wait, error);
}

json_object *
qmp_shape_call_array(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
                     GError **error)
{
    return shape_call_type(client, command, arguments, json_type_array, "list", wait, error);
}

GPtrArray *
qmp_shape_call_list(QmpClient *client, const char *command, json_object *arguments, QmpShapeElement convert,
                    GDestroyNotify free_func, const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) reply = qmp_shape_call_array(client, command, arguments, wait, error);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_func);

    if (!reply)
        return NULL;
    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        gpointer element = convert(json_object_array_get_idx(reply, i));
        if (!element) {
            qmp_shape_fail(command, "list element", error);
            return NULL;
        }
        g_ptr_array_add(list, element);
    }
    return g_steal_pointer(&list);
}

const char *
qmp_shape_get_name(json_object *object, const char *key)
{
    const char *name = qmp_json_get_string(object, key);

    return name && qmp_text_is_plain(name, QMP_SHAPE_NAME_MAX) ? name : NULL;
}

bool
qmp_shape_dup_optional_name(json_object *object, const char *key, char **ret_name)
{
    const char *name = qmp_shape_get_name(object, key);

    if (!name && json_object_object_get_ex(object, key, NULL))
        return false;
    *ret_name = g_strdup(name);
    return true;
}

bool
qmp_shape_get_flag(json_object *object, const char *key)
{
    bool flag = false;

    qmp_json_get_bool(object, key, &flag);
    return flag;
}
