/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Migration: qapi/migration.json. */
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/shape.h"
#include "qmp/text.h"

#define BLOCKED_REASONS_MAX 64
#define SET_CAPABILITIES "migrate-set-capabilities"

GHashTable *
qmp_query_migrate_capabilities(QmpClient *client, const QmpWait *wait, GError **error)
{
    static const char command[] = "query-migrate-capabilities";
    g_autoptr(json_object) reply = qmp_shape_call_array(client, command, NULL, wait, error);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    if (!reply)
        return NULL;
    for (size_t i = 0; i < json_object_array_length(reply); i++) {
        const char *name = qmp_shape_get_name(json_object_array_get_idx(reply, i), "capability");
        if (!name) {
            qmp_shape_fail(command, "capability", error);
            return NULL;
        }
        g_hash_table_add(names, g_strdup(name));
    }
    return g_steal_pointer(&names);
}

static json_object *
capabilities_to_arguments(const char *const *names, bool on)
{
    json_object *arguments = json_object_new_object();
    json_object *list = json_object_new_array();

    for (size_t i = 0; names[i]; i++) {
        json_object *capability = json_object_new_object();
        qmp_json_add_string(capability, "capability", names[i]);
        qmp_json_add_bool(capability, "state", on);
        json_object_array_add(list, capability);
    }
    qmp_json_add_value(arguments, "capabilities", list);
    return arguments;
}

bool
qmp_migrate_set_capabilities(QmpClient *client, const char *const *names, bool on, const QmpWait *wait,
                             GError **error)
{
    return qmp_shape_call(client, SET_CAPABILITIES, capabilities_to_arguments(names, on), wait, error);
}

guint64
qmp_migrate_send_capabilities(QmpClient *client, const char *const *names, bool on, GError **error)
{
    return qmp_client_send(client, SET_CAPABILITIES, capabilities_to_arguments(names, on), error);
}

json_object *
qmp_query_migrate_parameters(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call_object(client, "query-migrate-parameters", NULL, wait, error);
}

bool
qmp_migrate_set_parameters(QmpClient *client, json_object *parameters, const QmpWait *wait, GError **error)
{
    return qmp_shape_call(client, "migrate-set-parameters", parameters, wait, error);
}

static bool
migrate_call_uri(QmpClient *client, const char *command, const char *uri, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "uri", uri);
    return qmp_shape_call(client, command, arguments, wait, error);
}

bool
qmp_migrate(QmpClient *client, const char *uri, const QmpWait *wait, GError **error)
{
    return migrate_call_uri(client, "migrate", uri, wait, error);
}

bool
qmp_migrate_incoming(QmpClient *client, const char *uri, const QmpWait *wait, GError **error)
{
    return migrate_call_uri(client, "migrate-incoming", uri, wait, error);
}

bool
qmp_migrate_cancel(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call(client, "migrate_cancel", NULL, wait, error);
}

void
qmp_migrate_info_clear(QmpMigrateInfo *info)
{
    g_free(info->status);
    g_free(info->error_desc);
    g_strfreev(info->blocked_reasons);
    *info = (QmpMigrateInfo){0};
}

bool
qmp_migrate_info_is_idle(const QmpMigrateInfo *info)
{
    static const char *const idle[] = {"none", "completed", "failed", "cancelled", NULL};

    return g_strv_contains(idle, info->status);
}

/* A count of bytes, 0 where there is none; QEMU computes `remaining` from counters that may pass each other.
 */
static gint64
migrate_get_bytes(json_object *ram, const char *key)
{
    gint64 bytes = 0;

    qmp_json_get_int64(ram, key, &bytes);
    return MAX(bytes, 0);
}

static char **
migrate_dup_blocked_reasons(json_object *reply)
{
    json_object *array = qmp_json_get_array(reply, "blocked-reasons");
    size_t n = array ? MIN(json_object_array_length(array), BLOCKED_REASONS_MAX) : 0;

    if (n == 0)
        return NULL;
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++) {
        const char *reason = qmp_json_as_string(json_object_array_get_idx(array, i));
        g_ptr_array_add(reasons,
                        qmp_text_quote(reason ? reason : "a reason without text", QMP_TEXT_MESSAGE_MAX));
    }
    g_ptr_array_add(reasons, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&reasons), FALSE);
}

bool
qmp_query_migrate(QmpClient *client, const QmpWait *wait, QmpMigrateInfo *ret_info, GError **error)
{
    static const char command[] = "query-migrate";
    g_autoptr(json_object) reply = qmp_shape_call_object(client, command, NULL, wait, error);
    g_autofree char *status = NULL;

    if (!reply)
        return false;
    if (!qmp_shape_dup_optional_name(reply, "status", &status))
        return qmp_shape_fail(command, "status", error);
    const char *error_desc = qmp_json_get_string(reply, "error-desc");
    json_object *ram = qmp_json_get_object(reply, "ram");
    *ret_info = (QmpMigrateInfo){
        .status = status ? g_steal_pointer(&status) : g_strdup("none"),
        .error_desc = error_desc ? qmp_text_quote(error_desc, QMP_TEXT_MESSAGE_MAX) : NULL,
        .ram_transferred_bytes = migrate_get_bytes(ram, "transferred"),
        .ram_total_bytes = migrate_get_bytes(ram, "total"),
        .ram_remaining_bytes = migrate_get_bytes(ram, "remaining"),
        .blocked_reasons = migrate_dup_blocked_reasons(reply),
    };
    return true;
}
