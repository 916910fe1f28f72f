/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VNC. The target starts with the display but without an address ("vnc=none"). Its monitor is given the old QEMU's listening
 * sockets, and display-update has it listen on them once that is gone: nothing is bound twice. Where they are not to be
 * had it is told the address. That command knows neither websockets nor a second display (ui/vnc.c:vnc_display_update(),
 * 7.1 to 10.0): with either, the target opens all of it as it starts, and the two take turns (rules-display-listen.c). A viewer that
 * QEMU connects to (reverse=on) sees that connection end, and a new one begin.
 */
#include "qemu/rules.h"

#include <string.h>

#include "qemu/vnc-address.h"
#include "qmp/json.h"

#define PASSWORD_HINT "set it again afterwards (set_password, expire_password), or give it with password-secret="

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

static void
copy_switch(json_object *address, const QemuKeyval *settings, const char *key)
{
    if (qemu_keyval_get(settings, key))
        qmp_json_add_bool(address, key, qemu_keyval_is_on(settings, key));
}

/* As QEMU's SocketAddress; owned. Of a range the first: what has been found in it is in the command line of the present. */
static json_object *
socket_address(const QemuKeyval *settings, const QemuVncAddress *address)
{
    json_object *object = json_object_new_object();
    g_autofree char *port = NULL;

    qmp_json_add_string(object, "type", address->path ? "unix" : "inet");
    if (address->path) {
        qmp_json_add_string(object, "path", address->path);
        return object;
    }
    port = g_strdup_printf("%u", address->first_port);
    qmp_json_add_string(object, "host", address->host);
    qmp_json_add_string(object, "port", port);
    copy_switch(object, settings, "ipv4");
    copy_switch(object, settings, "ipv6");
    return object;
}

/* Arguments of display-update; takes ADDRESSES, an array. Owned. */
static json_object *
update_arguments(json_object *addresses)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "type", "vnc");
    qmp_json_add_value(arguments, "addresses", addresses);
    return arguments;
}

/* The monitor gets what the old QEMU has as descriptor NUMBER. Its name there, owned. */
static char *
name_descriptor(QemuRules *rules, int number)
{
    QemuPlanFd fd = {.kind = QEMU_PLAN_FD_NAMED, .number = -1, .index = (unsigned)number};

    g_array_append_val(rules->plan->fds, fd);
    return qemu_plan_dup_fd_name((unsigned)number);
}

/* The old QEMU's sockets as SocketAddresses, for which the monitor gets them; NULL: there are none. Owned. */
static json_object *
hand_sockets(QemuRules *rules, const QemuVncAddress *address)
{
    const GPtrArray *holdings = rules->context->holdings;
    g_autoptr(GPtrArray) found =
        address->path ? qemu_holdings_find_unix(holdings, QEMU_HOLDING_LISTENER, address->path, false)
                      : qemu_holdings_find_inet(holdings, QEMU_HOLDING_LISTENER, address->host, address->first_port,
                                                address->first_port);
    json_object *sockets = found->len > 0 ? json_object_new_array() : NULL;

    for (guint i = 0; i < found->len; i++) {
        g_autofree char *name = name_descriptor(rules, ((const QemuHolding *)found->pdata[i])->number);
        json_object *socket = json_object_new_object();
        qmp_json_add_string(socket, "type", "fd");
        qmp_json_add_string(socket, "str", name);
        json_object_array_add(sockets, socket);
    }
    return sockets;
}

static void
defer(QemuRules *rules, const char *text, const QemuKeyval *settings, const QemuVncAddress *address)
{
    json_object *addresses = json_object_new_array(), *sockets = hand_sockets(rules, address);
    g_autofree char *what = g_strdup_printf("VNC at %s", text);
    QemuDeferred *deferred;

    json_object_array_add(addresses, socket_address(settings, address));
    deferred = qemu_deferred_new(what, NULL, "display-update", update_arguments(addresses));
    deferred->handed = sockets ? update_arguments(sockets) : NULL;
    g_ptr_array_add(rules->plan->deferred, deferred);
}

/* QEMU tells neither a password nor when it expires. */
static void
look_at_password(QemuRules *rules, const QemuArg *arg)
{
    if (qemu_keyval_get(arg->settings, "password-secret"))
        report(rules, arg, QEMU_FINDING_OK, "display-vnc-password", PASSWORD_HINT,
               "the password is that of the secret, and does not expire; what was set at run time cannot be read");
    else if (qemu_keyval_is_on(arg->settings, "password"))
        report(rules, arg, QEMU_FINDING_WARN, "display-vnc-password", PASSWORD_HINT,
               "a password that was set at run time cannot be read: nobody is let in until it is set again");
}

static void
carry_with_update(QemuRules *rules, QemuArg *arg, const char *text, const QemuVncAddress *address)
{
    if (rules->release < QEMU_RELEASE(7, 1)) {
        refuse(rules, arg, "display-vnc", "the command display-update came with QEMU 7.1");
        return;
    }
    defer(rules, text, arg->settings, address);
    report(rules, arg, QEMU_FINDING_OK, "display-vnc", NULL,
           "it listens there again when the old QEMU is gone; viewers have to connect again");
    qemu_keyval_set_string(arg->settings, "vnc", "none");
}

static bool
take_turns(QemuRules *rules, const char *what, const QemuVncAddress *address)
{
    if (!address)
        return false;
    return address->path ? qemu_rules_take_turns_at(rules, what, address->path)
                         : qemu_rules_take_turns(rules, what, address->host, address->first_port);
}

/* As it is. WEBSOCKET: what its option says; NULL: it has none. */
static void
carry_in_turns(QemuRules *rules, const QemuArg *arg, const char *code, const char *text, const QemuVncAddress *address,
               const char *websocket)
{
    g_autoptr(QemuVncAddress) web = qemu_vnc_websocket_new(arg->settings, address);
    g_autofree char *main_name = g_strdup_printf("VNC at %s", text);
    g_autofree char *web_name = g_strdup_printf("the websocket of VNC at %s", text);

    if (!take_turns(rules, main_name, address) || (websocket && !take_turns(rules, web_name, web)))
        refuse(rules, arg, code, "the running QEMU does not listen there");
    else
        report(rules, arg, QEMU_FINDING_OK, code, NULL,
               "both QEMUs are at the same address, and one listens at a time; viewers have to connect again");
}

static void
connect_again(QemuRules *rules, const char *text, const QemuHolding *connection)
{
    g_autofree char *what = g_strdup_printf("the connection to the VNC viewer at %s", text);
    g_autofree char *name = name_descriptor(rules, connection->number);

    g_ptr_array_add(rules->plan->deferred, qemu_deferred_new_viewer(what, connection, name));
}

/* NULL: it can be carried. */
static const char *
find_hindrance(const QemuRules *rules, const QemuVncAddress *viewer)
{
    guint n_displays = 0;

    qemu_vnc_find(rules->argv, &n_displays);
    if (n_displays > 1)
        return "a viewer can be given to the first of several displays only";
    return viewer->path ? "a UNIX socket cannot be connected a second time, and a new one of the engine's would speak for root" : NULL;
}

/*
 * QEMU connects to a viewer only as it starts, when the running one still is connected. But it takes a connection that was made for
 * it (add_client), and goes on like with one of its own.
 */
static void
carry_reverse(QemuRules *rules, QemuArg *arg, const char *text, const QemuVncAddress *viewer)
{
    const char *hindrance = find_hindrance(rules, viewer);

    if (hindrance)
        refuse(rules, arg, "display-vnc-reverse", hindrance);
    if (hindrance || !qemu_rules_is_incoming(rules))
        return;
    g_autoptr(GPtrArray) found = qemu_holdings_find_inet(rules->context->holdings, QEMU_HOLDING_CONNECTION, viewer->host,
                                                         viewer->first_port, viewer->last_port);
    if (found->len > 1) {
        refuse(rules, arg, "display-vnc-reverse", "the running QEMU has several connections to that address");
        return;
    }
    if (found->len == 1)
        connect_again(rules, text, g_ptr_array_index(found, 0));
    report(rules, arg, QEMU_FINDING_OK, "display-vnc-reverse", NULL,
           found->len == 1 ? "the viewer is connected to again when the old QEMU is gone"
                           : "the viewer has gone, and is not connected to again");
    look_at_password(rules, arg);
    qemu_keyval_set_string(arg->settings, "vnc", "none");
    qemu_keyval_remove(arg->settings, "reverse");
}

void
qemu_rules_carry_vnc(QemuRules *rules, QemuArg *arg)
{
    g_autofree char *text = g_strdup(qemu_keyval_get(arg->settings, "vnc"));
    const char *websocket = qemu_keyval_get(arg->settings, "websocket");
    g_autoptr(QemuVncAddress) address = qemu_vnc_address_new(arg->settings);
    guint n_displays = 0;

    if (!text || strcmp(text, "none") == 0)
        return;
    if (address && qemu_vnc_is_reverse(arg->settings)) {
        carry_reverse(rules, arg, text, address);
        return;
    }
    if (!qemu_rules_is_incoming(rules))
        return;
    if (!address) {
        refuse(rules, arg, "display-vnc", "not an address that moult understands");
        return;
    }
    look_at_password(rules, arg);
    qemu_vnc_find(rules->argv, &n_displays);
    if (websocket || n_displays > 1)
        carry_in_turns(rules, arg, websocket ? "display-vnc-websocket" : "display-vnc-several", text, address, websocket);
    else
        carry_with_update(rules, arg, text, address);
}
