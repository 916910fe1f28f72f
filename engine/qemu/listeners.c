/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/listeners.h"

#include <arpa/inet.h>
#include <string.h>

#include "qmp/json.h"

#define MAX_LISTENERS 64
#define MAX_PATH_BYTES 107 /* struct sockaddr_un */

json_object *
qemu_listeners_to_json(const GPtrArray *holdings)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        json_object *object = json_object_new_object();
        qmp_json_add_string(object, "path", holding->path);
        qmp_json_add_string(object, "host", holding->host);
        if (!holding->path)
            qmp_json_add_int64(object, "port", holding->port);
        json_object_array_add(array, object);
    }
    return array;
}

static int
family_of(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 ? AF_INET : inet_pton(AF_INET6, host, &address) == 1 ? AF_INET6 : AF_UNSPEC;
}

QemuHolding *
qemu_listener_new(int family, const char *path, const char *host, guint16 port)
{
    QemuHolding *listener = g_new(QemuHolding, 1);

    *listener = (QemuHolding){.kind = QEMU_HOLDING_LISTENER,
                              .number = -1,
                              .family = family,
                              .path = g_strdup(path),
                              .host = g_strdup(host),
                              .port = port};
    return listener;
}

/* NULL: not of the shape. */
static QemuHolding *
listener_from_json(json_object *object)
{
    const char *path = qmp_json_get_string(object, "path"), *host = qmp_json_get_string(object, "host");
    int family = host ? family_of(host) : AF_UNSPEC;
    gint64 port = 0;

    if (path)
        return g_path_is_absolute(path) && strlen(path) <= MAX_PATH_BYTES ? qemu_listener_new(AF_UNIX, path, NULL, 0) : NULL;
    if (family == AF_UNSPEC || !qmp_json_get_int64(object, "port", &port) || port < 1 || port > G_MAXUINT16)
        return NULL;
    return qemu_listener_new(family, NULL, host, (guint16)port);
}

GPtrArray *
qemu_listeners_from_json(json_object *array)
{
    g_autoptr(GPtrArray) listeners = qemu_holdings_new();
    size_t length = array ? json_object_array_length(array) : 0;

    for (size_t i = 0; i < length; i++) {
        QemuHolding *listener = i < MAX_LISTENERS ? listener_from_json(json_object_array_get_idx(array, i)) : NULL;
        if (!listener)
            return NULL;
        g_ptr_array_add(listeners, listener);
    }
    return g_steal_pointer(&listeners);
}

void
qemu_listeners_append(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; i < from->len; i++) {
        const QemuHolding *one = g_ptr_array_index(from, i);
        g_ptr_array_add(to, qemu_listener_new(one->family, one->path, one->host, one->port));
    }
}

static bool
is_wildcard(const QemuHolding *address)
{
    return strcmp(address->host, address->family == AF_INET ? "0.0.0.0" : "::") == 0;
}

bool
qemu_listener_is_at(const QemuHolding *socket, const QemuHolding *address)
{
    bool is_resting = socket->kind == QEMU_HOLDING_RESTING;

    if ((!is_resting && socket->kind != QEMU_HOLDING_LISTENER) || socket->family != address->family ||
        socket->port != address->port)
        return false;
    return strcmp(socket->host, address->host) == 0 || (is_resting && is_wildcard(address));
}
