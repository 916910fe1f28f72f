/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The private socket needs no message bus: systemd speaks D-Bus itself there, to root and to the manager's own user.
 * Interfaces: org.freedesktop.systemd1(5).
 */
#include "unit/manager.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#include "unit/place.h"

#define MANAGER_PATH "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1."
#define MAX_TEXT_BYTES 4096
#define MAX_ID_BYTES 255
#define FIRST_PING_MS 20

G_DEFINE_QUARK(moult-unit-error-quark, unit_error)

struct UnitManager {
    GDBusConnection *connection;
    gint64 timeout_ms;
};

static void
set_error(GError **error, UnitError code, const char *what, const GError *reason)
{
    g_set_error(error, UNIT_ERROR, code, "%s: %s", what, reason->message);
}

/* The socket's own deadline is for the greeting only: a connection may be silent for as long as it likes. */
static GDBusConnection *
greet(GSocketConnection *socket, GError **error)
{
    GDBusConnection *connection = g_dbus_connection_new_sync(
        G_IO_STREAM(socket), NULL,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL, NULL, error);

    if (!connection)
        return NULL;
    g_socket_set_timeout(g_socket_connection_get_socket(socket), 0);
    g_dbus_connection_set_exit_on_close(connection, FALSE);
    g_dbus_connection_start_message_processing(connection);
    return connection;
}

/*
 * A message that systemd (252, measured) reads together with the last line of the greeting stays unanswered until it
 * reads the next one. So nothing is asked before a ping has been answered; pings go unanswered for a moment at most.
 */
static bool
await_answer(GDBusConnection *connection, gint64 timeout_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    gint ping_ms = FIRST_PING_MS;

    for (;;) {
        g_autoptr(GError) local = NULL;
        g_autoptr(GVariant) reply =
            g_dbus_connection_call_sync(connection, NULL, "/", "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                                        G_DBUS_CALL_FLAGS_NO_AUTO_START, ping_ms, NULL, &local);
        if (reply || g_dbus_error_is_remote_error(local))
            return true;
        if (!g_error_matches(local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) || g_get_monotonic_time() >= deadline_us) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
        ping_ms *= 2;
    }
}

static void
close_connection(GDBusConnection *connection)
{
    g_dbus_connection_close_sync(connection, NULL, NULL);
    g_object_unref(connection);
}

UnitManager *
unit_manager_new(uid_t manager, gint64 timeout_ms, GError **error)
{
    g_autofree char *path = unit_place_dup_bus_path(manager);
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GError) local = NULL;

    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, (guint)MAX(timeout_ms / 1000, 1));
    g_autoptr(GSocketConnection) socket = g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, &local);
    GDBusConnection *connection = socket ? greet(socket, &local) : NULL;
    if (connection && !await_answer(connection, timeout_ms, &local))
        g_clear_pointer(&connection, close_connection);
    if (!connection) {
        set_error(error, UNIT_ERROR_NO_MANAGER, path, local);
        return NULL;
    }
    UnitManager *self = g_new(UnitManager, 1);
    *self = (UnitManager){.connection = connection, .timeout_ms = timeout_ms};
    return self;
}

void
unit_manager_free(UnitManager *manager)
{
    if (!manager)
        return;
    close_connection(manager->connection);
    g_free(manager);
}

/* PARAMETERS is consumed, as usual. NULL with ERROR, or a value of REPLY_TYPE. */
static GVariant *
call(UnitManager *manager, const char *path, const char *interface, const char *method, GVariant *parameters,
     const char *reply_type, gint64 timeout_ms, GError **error)
{
    g_autoptr(GError) local = NULL;
    GVariant *reply = g_dbus_connection_call_sync(manager->connection, NULL, path, interface, method, parameters,
                                                  reply_type ? G_VARIANT_TYPE(reply_type) : NULL,
                                                  G_DBUS_CALL_FLAGS_NO_AUTO_START, (gint)timeout_ms, NULL, &local);

    if (!reply) {
        g_dbus_error_strip_remote_error(local);
        set_error(error, UNIT_ERROR_FAILED, method, local);
    }
    return reply;
}

static GVariant *
get(UnitManager *manager, const char *path, const char *interface, const char *name, const GVariantType *type, GError **error)
{
    g_autoptr(GVariant) reply = call(manager, path, "org.freedesktop.DBus.Properties", "Get",
                                     g_variant_new("(ss)", interface, name), "(v)", manager->timeout_ms, error);
    g_autoptr(GVariant) value = NULL;

    if (!reply)
        return NULL;
    g_variant_get(reply, "(v)", &value);
    if (g_variant_is_of_type(value, type))
        return g_steal_pointer(&value);
    g_set_error(error, UNIT_ERROR, UNIT_ERROR_FAILED, "%s is of type %s", name, g_variant_get_type_string(value));
    return NULL;
}

static char *
get_string(UnitManager *manager, const char *path, const char *interface, const char *name, GError **error)
{
    g_autoptr(GVariant) value = get(manager, path, interface, name, G_VARIANT_TYPE_STRING, error);

    if (!value)
        return NULL;
    if (g_variant_get_size(value) <= MAX_TEXT_BYTES)
        return g_variant_dup_string(value, NULL);
    g_set_error(error, UNIT_ERROR, UNIT_ERROR_FAILED, "%s is too long", name);
    return NULL;
}

/* It becomes the name of a folder. */
static bool
id_is_sane(const char *id, GError **error)
{
    if (*id != '.' && !strchr(id, '/') && strlen(id) <= MAX_ID_BYTES && g_str_has_suffix(id, ".service"))
        return true;
    g_set_error_literal(error, UNIT_ERROR, UNIT_ERROR_FAILED, "the unit is no service");
    return false;
}

static bool
read_main_pid(UnitManager *manager, const char *path, pid_t *ret_pid, GError **error)
{
    g_autoptr(GVariant) value = get(manager, path, INTERFACE "Service", "MainPID", G_VARIANT_TYPE_UINT32, error);

    if (value)
        *ret_pid = (pid_t)MIN(g_variant_get_uint32(value), (guint32)G_MAXINT);
    return value != NULL;
}

static bool
read_at(UnitManager *manager, const char *path, UnitState *ret_state, GError **error)
{
    g_auto(UnitState) state = {.path = g_strdup(path)};

    state.id = get_string(manager, path, INTERFACE "Unit", "Id", error);
    if (!state.id || !id_is_sane(state.id, error) ||
        !(state.active_state = get_string(manager, path, INTERFACE "Unit", "ActiveState", error)) ||
        !(state.sub_state = get_string(manager, path, INTERFACE "Unit", "SubState", error)) ||
        !(state.type = get_string(manager, path, INTERFACE "Service", "Type", error)) ||
        !(state.notify_access = get_string(manager, path, INTERFACE "Service", "NotifyAccess", error)) ||
        !(state.restart = get_string(manager, path, INTERFACE "Service", "Restart", error)) ||
        !(state.pidfile = get_string(manager, path, INTERFACE "Service", "PIDFile", error)) ||
        !read_main_pid(manager, path, &state.main_pid, error))
        return false;
    *ret_state = state;
    state = (UnitState){0};
    return true;
}

static bool
find_and_read(UnitManager *manager, const char *method, GVariant *parameters, UnitState *ret_state, GError **error)
{
    g_autoptr(GVariant) reply =
        call(manager, MANAGER_PATH, INTERFACE "Manager", method, parameters, "(o)", manager->timeout_ms, error);
    const char *path = NULL;

    if (!reply)
        return false;
    g_variant_get(reply, "(&o)", &path);
    return read_at(manager, path, ret_state, error);
}

bool
unit_manager_read(UnitManager *manager, pid_t pid, UnitState *ret_state, GError **error)
{
    return find_and_read(manager, "GetUnitByPID", g_variant_new("(u)", (guint32)pid), ret_state, error);
}

bool
unit_manager_read_unit(UnitManager *manager, const char *id, UnitState *ret_state, GError **error)
{
    return find_and_read(manager, "LoadUnit", g_variant_new("(s)", id), ret_state, error);
}

bool
unit_manager_reload(UnitManager *manager, gint64 timeout_ms, GError **error)
{
    g_autoptr(GVariant) reply =
        call(manager, MANAGER_PATH, INTERFACE "Manager", "Reload", NULL, NULL, timeout_ms, error);

    return reply != NULL;
}

void
unit_state_clear(UnitState *state)
{
    g_free(state->id);
    g_free(state->path);
    g_free(state->active_state);
    g_free(state->sub_state);
    g_free(state->type);
    g_free(state->notify_access);
    g_free(state->restart);
    g_free(state->pidfile);
    *state = (UnitState){0};
}
