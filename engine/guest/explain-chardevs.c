/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices that came and went since the start. Of one that was added, the monitor tells what it is in the words
 * of QEMU's own shorthands: "disconnected:unix:/run/x.sock,server=on". What can be had again from that is carried along,
 * a listening socket by its descriptor like any other (qemu/rules-chardev-socket.c).
 */
#include "guest/explain-private.h"

#include <string.h>

#include "qemu/holding.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define MAX_PATH_BYTES 108
#define OURS "moult-"

static bool
is_number(const char *text)
{
    return text[strspn(text, G_CSET_DIGITS)] == '\0';
}

/* Labels that QEMU gives what other options make: serial0, compat_monitor0, vc1, "-base" of a multiplexed one. */
static bool
is_made_by_itself(const char *label)
{
    static const char *const prefixes[] = {"serial", "parallel", "compat_monitor", "debugcon", "vc",  "gdb",
                                           "seabios", "usb",     "mux",            "spice"};

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(label, prefixes[i]) && is_number(label + strlen(prefixes[i])))
            return true;
    /* "#chr044" is of something inside: the debugger's own terminal. */
    return *label == '#' || g_str_has_prefix(label, OURS) || g_str_has_suffix(label, "-base");
}

/* "disconnected:unix:/run/x.sock,server=on" -> "unix:/run/x.sock"; NULL: no listening socket. Owned. */
static char *
dup_listener(const char *text)
{
    static const char disconnected[] = "disconnected:", server[] = ",server=on";
    const char *start = g_str_has_prefix(text, disconnected) ? text + strlen(disconnected) : text;
    const char *end = strstr(start, server);

    if (!end || memchr(start, ',', (size_t)(end - start)))
        return NULL;
    return g_strndup(start, (gsize)(end - start));
}

static bool
add_unix(GString *settings, const char *path)
{
    if (*path != '/' || strlen(path) >= MAX_PATH_BYTES || !qmp_text_is_plain(path, MAX_PATH_BYTES))
        return false;
    g_string_append_printf(settings, ",path=%s", path);
    return true;
}

/* "127.0.0.1:4444"; of IPv6 the brackets are left to the shorthand. */
static bool
add_inet(GString *settings, const char *address)
{
    const char *colon = strrchr(address, ':');
    guint64 port = 0;

    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXUINT16, &port, NULL))
        return false;
    g_autofree char *host = g_strndup(address, (gsize)(colon - address));
    if (!g_hostname_is_ip_address(host))
        return false;
    g_string_append_printf(settings, ",host=%s,port=%u", host, (unsigned)port);
    return true;
}

static bool
add_socket(GString *settings, const char *text)
{
    g_autofree char *listener = dup_listener(text);
    bool added = false;

    if (!listener)
        return false;
    if (g_str_has_prefix(listener, "unix:"))
        added = add_unix(settings, listener + strlen("unix:"));
    else if (g_str_has_prefix(listener, "tcp:"))
        added = add_inet(settings, listener + strlen("tcp:"));
    else if (g_str_has_prefix(listener, "telnet:"))
        added = add_inet(settings, listener + strlen("telnet:")) && g_string_append(settings, ",telnet=on");
    g_string_append(settings, ",server=on,wait=off");
    return added;
}

/* "null,id=x" or "socket,id=x,path=..."; NULL: it cannot be told. Owned. */
static char *
describe(const char *label, const char *text)
{
    bool is_null = strcmp(text, "null") == 0;
    GString *settings = g_string_new(is_null ? "null" : "socket");
    bool known = strchr(label, ',') == NULL && qmp_text_is_plain(label, 128);

    g_string_append_printf(settings, ",id=%s", label);
    known = known && (is_null || add_socket(settings, text));
    return g_string_free(settings, !known);
}

static void
look_at_added(Explanation *explanation, const char *label, const char *text)
{
    g_autofree char *settings = text ? describe(label, text) : NULL;

    if (!settings) {
        explain_block(explanation, "chardev-added", "a character device was added since the guest's start:", label);
        return;
    }
    qemu_argv_append(explanation->argv, "chardev", settings);
    explain_carried(explanation, "chardev-added",
                    "a character device that was added since the guest's start is carried along:", label);
}

static bool
is_listed(json_object *chardevs, const char *id)
{
    for (size_t i = 0; i < json_object_array_length(chardevs); i++)
        if (g_strcmp0(qmp_json_get_string(json_object_array_get_idx(chardevs, i), "label"), id) == 0)
            return true;
    return false;
}

static void
look_for_removed(Explanation *explanation, json_object *chardevs)
{
    for (guint i = explanation->argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *id = qemu_arg_is(arg, "chardev") ? qemu_keyval_get(arg->settings, "id") : NULL;
        if (!id || is_listed(chardevs, id))
            continue;
        explain_carried(explanation, "chardev-removed",
                        "a character device that was removed since the guest's start is left out:", id);
        qemu_argv_remove(explanation->argv, arg);
    }
}

/* Which one it is no command line tells: "pty:/dev/pts/7". */
static void
note_terminal(Explanation *explanation, const char *label, const char *text)
{
    static const char pty[] = "pty:";
    guint number = 0;

    if (text && g_str_has_prefix(text, pty) && qemu_terminal_parse(text + strlen(pty), &number))
        g_hash_table_replace(explanation->terminals, g_strdup(label), g_strdup(text + strlen(pty)));
}

void
explain_chardevs(Explanation *explanation)
{
    g_autoptr(json_object) chardevs = explain_query(explanation, "query-chardev", NULL, "character devices");

    if (!chardevs)
        return;
    look_for_removed(explanation, chardevs);
    for (size_t i = 0; i < json_object_array_length(chardevs); i++) {
        json_object *chardev = json_object_array_get_idx(chardevs, i);
        const char *label = qmp_json_get_string(chardev, "label"), *text = qmp_json_get_string(chardev, "filename");
        if (label)
            note_terminal(explanation, label, text);
        if (label && !is_made_by_itself(label) && !explain_find(explanation, "chardev", label))
            look_at_added(explanation, label, text);
    }
}
