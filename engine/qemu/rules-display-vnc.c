/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VNC. The target starts with the display but without an address ("vnc=none"), and is told the address by
 * display-update once the old QEMU is gone. That command knows neither websockets nor a second display
 * (ui/vnc.c:vnc_display_update(), 7.1 to 10.0).
 */
#include "qemu/rules.h"
#include "qmp/json.h"

#include <string.h>

#define FIRST_PORT 5900
#define PASSWORD_HINT "set it again afterwards (set_password), or give it with password-secret="

static void
report(QemuRules *rules, const QemuArg *arg, QemuFindingLevel level, const char *code, const char *hint,
       const char *reason)
{
    qemu_rules_find(rules, level, code, hint, "“%s %.100s”: %s", arg->word, arg->value, reason);
}

static void
refuse(QemuRules *rules, const QemuArg *arg, const char *code, const char *reason)
{
    report(rules, arg, qemu_rules_hinders_upgrade(rules), code,
           "leave it out; VNC can be opened when it is needed with the command display-update", reason);
}

static bool
is_vnc(const QemuArg *arg)
{
    return (qemu_arg_is(arg, "vnc") ||
            (qemu_arg_is(arg, "display") && !qemu_keyval_get(arg->settings, "type"))) &&
           qemu_keyval_get(arg->settings, "vnc");
}

static unsigned
count_displays(const QemuRules *rules)
{
    unsigned count = 0;

    for (guint i = 0; i < rules->argv->args->len; i++)
        count += is_vnc(g_ptr_array_index(rules->argv->args, i));
    return count;
}

/* TRUE when nothing about it is beyond display-update. */
static bool
is_known_kind(QemuRules *rules, const QemuArg *arg)
{
    bool known = true;

    if (qemu_keyval_get(arg->settings, "websocket")) {
        refuse(rules, arg, "display-vnc-websocket", "QEMU cannot open a websocket at run time");
        known = false;
    }
    if (qemu_keyval_is_on(arg->settings, "reverse")) {
        refuse(rules, arg, "display-vnc-reverse", "QEMU cannot connect to a viewer at run time");
        known = false;
    }
    if (count_displays(rules) > 1) {
        refuse(rules, arg, "display-vnc-several",
               "QEMU can open the first of several at run time, and no other");
        known = false;
    }
    if (qemu_rules_is_incoming(rules) && rules->release < QEMU_RELEASE(7, 1)) {
        refuse(rules, arg, "display-vnc", "the command display-update came with QEMU 7.1");
        known = false;
    }
    return known;
}

/* The port that the running QEMU has found between the two; FIRST when that is not known or there is no
 * choice. */
static guint16
find_port(const QemuRules *rules, const char *host, guint16 first, guint16 last)
{
    g_autoptr(GPtrArray) found =
        qemu_holdings_find_inet(rules->context->holdings, QEMU_HOLDING_LISTENER, host, first, last);

    return found->len > 0 ? ((const QemuHolding *)found->pdata[0])->port : first;
}

static void
copy_switch(json_object *address, const QemuKeyval *settings, const char *key)
{
    if (qemu_keyval_get(settings, key))
        qmp_json_add_bool(address, key, qemu_keyval_is_on(settings, key));
}

/* "host:display" as QEMU's SocketAddress; NULL when it is none. Owned. */
static json_object *
inet_address(const QemuRules *rules, const QemuKeyval *settings, const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *to = qemu_keyval_get(settings, "to");
    guint64 display = 0, last = 0;

    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16 - FIRST_PORT, &display, NULL))
        return NULL;
    bool brackets = *text == '[' && colon > text + 1 && colon[-1] == ']';
    g_autofree char *host = g_strndup(text + brackets, (gsize)(colon - text) - (brackets ? 2 : 0));
    if (!to || !g_ascii_string_to_unsigned(to, 10, 0, G_MAXUINT16 - FIRST_PORT, &last, NULL) ||
        last < display)
        last = display;
    g_autofree char *port = g_strdup_printf(
        "%u", find_port(rules, host, (guint16)(FIRST_PORT + display), (guint16)(FIRST_PORT + last)));
    json_object *address = json_object_new_object();
    qmp_json_add_string(address, "type", "inet");
    qmp_json_add_string(address, "host", host);
    qmp_json_add_string(address, "port", port);
    copy_switch(address, settings, "ipv4");
    copy_switch(address, settings, "ipv6");
    return address;
}

static json_object *
unix_address(const char *path)
{
    json_object *address = json_object_new_object();

    qmp_json_add_string(address, "type", "unix");
    qmp_json_add_string(address, "path", path);
    return address;
}

/* Takes ADDRESS. */
static void
defer(QemuRules *rules, const char *text, json_object *address)
{
    json_object *arguments = json_object_new_object();
    json_object *addresses = json_object_new_array();
    g_autofree char *what = g_strdup_printf("VNC at %s", text);

    json_object_array_add(addresses, address);
    qmp_json_add_string(arguments, "type", "vnc");
    qmp_json_add_value(arguments, "addresses", addresses);
    g_ptr_array_add(rules->plan->deferred, qemu_deferred_new(what, NULL, "display-update", arguments));
}

static void
look_at_password(QemuRules *rules, const QemuArg *arg)
{
    bool wants = qemu_keyval_is_on(arg->settings, "password");

    if (wants && !qemu_keyval_get(arg->settings, "password-secret"))
        report(rules, arg, QEMU_FINDING_WARN, "display-vnc-password", PASSWORD_HINT,
               "a password that was set at run time cannot be read: nobody is let in until it is set again");
}

void
qemu_rules_carry_vnc(QemuRules *rules, QemuArg *arg)
{
    g_autofree char *text = g_strdup(qemu_keyval_get(arg->settings, "vnc"));
    json_object *address;

    if (!text || strcmp(text, "none") == 0 || !is_known_kind(rules, arg) || !qemu_rules_is_incoming(rules))
        return;
    address = g_str_has_prefix(text, "unix:") ? unix_address(text + strlen("unix:"))
                                              : inet_address(rules, arg->settings, text);
    if (!address) {
        refuse(rules, arg, "display-vnc", "not an address that moult understands");
        return;
    }
    look_at_password(rules, arg);
    defer(rules, text, address);
    report(rules, arg, QEMU_FINDING_OK, "display-vnc", NULL,
           "the address is opened again when the old QEMU is gone; viewers have to connect again");
    qemu_keyval_set_string(arg->settings, "vnc", "none");
}
