/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/vnc-address.h"

#include <string.h>

#define UNIX_PREFIX "unix:"

/* What is in front of the last COLON of TEXT. */
static char *
dup_host(const char *text, const char *colon)
{
    bool brackets = *text == '[' && colon > text + 1 && colon[-1] == ']';

    return g_strndup(text + brackets, (gsize)(colon - text) - (brackets ? 2 : 0));
}

bool
qemu_vnc_is_reverse(const QemuKeyval *settings)
{
    return qemu_keyval_is_on(settings, "reverse");
}

static QemuVncAddress *
inet_address(const QemuKeyval *settings, const char *text)
{
    const char *colon = strrchr(text, ':'), *to = qemu_keyval_get(settings, "to");
    guint base = qemu_vnc_is_reverse(settings) ? 0 : QEMU_VNC_FIRST_PORT;
    guint64 first = 0, last = 0;

    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16 - base, &first, NULL))
        return NULL;
    if (!to || !g_ascii_string_to_unsigned(to, 10, 0, G_MAXUINT16 - base, &last, NULL) || last < first)
        last = first;
    QemuVncAddress *address = g_new0(QemuVncAddress, 1);
    address->host = dup_host(text, colon);
    address->first_port = (guint16)(base + first);
    address->last_port = (guint16)(base + last);
    return address;
}

QemuVncAddress *
qemu_vnc_address_new(const QemuKeyval *settings)
{
    const char *text = qemu_keyval_get(settings, "vnc");
    QemuVncAddress *address;

    if (!text || strcmp(text, "none") == 0)
        return NULL;
    if (!g_str_has_prefix(text, UNIX_PREFIX))
        return inet_address(settings, text);
    address = g_new0(QemuVncAddress, 1);
    address->path = g_strdup(text + strlen(UNIX_PREFIX));
    return address;
}

static bool
read_websocket_port(const char *text, const QemuVncAddress *address, guint64 *ret_port)
{
    bool is_named = *text != '\0' && strcmp(text, "on") != 0;

    if (!is_named && !address->path)
        *ret_port = (guint64)QEMU_VNC_FIRST_WEBSOCKET_PORT + address->first_port - QEMU_VNC_FIRST_PORT;
    return is_named ? g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT16, ret_port, NULL) : !address->path;
}

/* QEMU takes the display's host where the websocket has none, and a UNIX socket has none to take. */
QemuVncAddress *
qemu_vnc_websocket_new(const QemuKeyval *settings, const QemuVncAddress *address)
{
    const char *text = qemu_keyval_get(settings, "websocket"), *colon = text ? strrchr(text, ':') : NULL;
    guint64 port = 0;

    if (!text || !read_websocket_port(colon ? colon + 1 : text, address, &port))
        return NULL;
    QemuVncAddress *websocket = g_new0(QemuVncAddress, 1);
    websocket->host = colon && colon > text ? dup_host(text, colon) : g_strdup(address->path ? "" : address->host);
    websocket->first_port = websocket->last_port = (guint16)port;
    return websocket;
}

void
qemu_vnc_address_free(QemuVncAddress *address)
{
    if (!address)
        return;
    g_free(address->path);
    g_free(address->host);
    g_free(address);
}

bool
qemu_vnc_opens(const QemuArg *arg)
{
    return (qemu_arg_is(arg, "vnc") ||
            (qemu_arg_is(arg, "display") && !qemu_keyval_get(arg->settings, "type"))) &&
           qemu_keyval_get(arg->settings, "vnc");
}

QemuArg *
qemu_vnc_find(const QemuArgv *argv, guint *ret_count)
{
    QemuArg *first = NULL;

    *ret_count = 0;
    for (guint i = 0; i < argv->args->len; i++) {
        QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (!qemu_vnc_opens(arg))
            continue;
        if ((*ret_count)++ == 0)
            first = arg;
    }
    return first;
}
