/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets of character devices. A listener is handed over by its descriptor: nothing is bound a second time,
 * the path or port is the same, clients that connect again find it. So is the connection of a client that
 * would not connect again by itself: its peer notices nothing. Verified on 7.2 and 10.0.
 */
#include "qemu/rules.h"

#include <string.h>

/* What a socket's address is made of, on the command line. */
static const char *const address_keys[] = {"path", "abstract", "tight", "host", "port", "to", "ipv4", "ipv6"};

static void
report(QemuRules *rules, const QemuArg *arg, QemuFindingLevel level, const char *code, const char *hint,
       const char *reason)
{
    qemu_rules_find(rules, level, code, hint, "“%s %.100s”: %s", arg->word, arg->value, reason);
}

static bool
parse_port(const char *text, guint16 *ret_port)
{
    guint64 port = 0;

    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT16, &port, NULL))
        return false;
    *ret_port = (guint16)port;
    return true;
}

/* The running QEMU's sockets of KIND at the address that SETTINGS name. Never NULL; owned. */
static GPtrArray *
find_sockets(const QemuRules *rules, const QemuKeyval *settings, QemuHoldingKind kind)
{
    const GPtrArray *holdings = rules->context->holdings;
    g_autofree char *path = g_strdup(qemu_keyval_get(settings, "path"));
    g_autofree char *host = g_strdup(qemu_keyval_get(settings, "host"));
    guint16 first = 0, last = 0;

    if (path)
        return qemu_holdings_find_unix(holdings, kind, path, qemu_keyval_is_on(settings, "abstract"));
    if (!parse_port(qemu_keyval_get(settings, "port"), &first))
        return g_ptr_array_new();
    if (!parse_port(qemu_keyval_get(settings, "to"), &last))
        last = first;
    return qemu_holdings_find_inet(holdings, kind, host ? host : "", first, last);
}

static bool
is_taken(const QemuRules *rules, const QemuHolding *holding)
{
    for (guint i = 0; i < rules->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(rules->plan->fds, QemuPlanFd, i);
        if (fd->kind == QEMU_PLAN_FD_HANDED && fd->index == (unsigned)holding->number)
            return true;
    }
    return false;
}

static void
leave_out_taken(const QemuRules *rules, GPtrArray *found)
{
    for (guint i = found->len; i-- > 0;) {
        if (is_taken(rules, g_ptr_array_index(found, i)))
            g_ptr_array_remove_index(found, i);
    }
}

static void
give(QemuRules *rules, QemuKeyval *settings, const QemuHolding *holding)
{
    int number = qemu_rules_add_fd(rules, QEMU_PLAN_FD_HANDED, (unsigned)holding->number);
    g_autofree char *text = g_strdup_printf("%d", number);

    for (size_t i = 0; i < G_N_ELEMENTS(address_keys); i++)
        qemu_keyval_remove(settings, address_keys[i]);
    qemu_keyval_set_string(settings, "fd", text);
}

static const QemuHolding *
choose(const GPtrArray *found)
{
    for (guint i = 0; i < found->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(found, i);
        if (holding->family != AF_INET6)
            return holding;
    }
    return g_ptr_array_index(found, 0);
}

static bool
carry_listener(QemuRules *rules, const QemuArg *arg, QemuKeyval *settings)
{
    g_autoptr(GPtrArray) found = find_sockets(rules, settings, QEMU_HOLDING_LISTENER);

    leave_out_taken(rules, found);
    if (found->len == 0) {
        report(rules, arg, QEMU_FINDING_BLOCK, "chardev-listener", "plan a restart of the guest",
               "the running QEMU has no such listening socket that could be handed over");
        return false;
    }
    give(rules, settings, choose(found));
    qemu_keyval_set_switch(settings, "wait", false); /* nobody is to be waited for a second time */
    report(rules, arg, QEMU_FINDING_OK, "chardev-handed", NULL,
           "the listening socket is handed over; who is connected has to connect again");
    if (found->len > 1)
        report(rules, arg, QEMU_FINDING_WARN, "chardev-listener-second",
               "name one address, 127.0.0.1 instead of localhost",
               "QEMU listens at two addresses, IPv4 and IPv6, and takes only one over: that of IPv4");
    return true;
}

static bool
connects_again(const QemuKeyval *settings)
{
    static const char *const keys[] = {"reconnect", "reconnect-ms"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *value = qemu_keyval_get(settings, keys[i]);
        if (value && strcmp(value, "0") != 0)
            return true;
    }
    return false;
}

static bool
carry_client(QemuRules *rules, const QemuArg *arg, QemuKeyval *settings, bool is_monitor)
{
    g_autoptr(GPtrArray) found = NULL;

    if (connects_again(settings)) {
        report(rules, arg, QEMU_FINDING_WARN, "chardev-client-again", NULL,
               "the other side sees the new QEMU's connection before the old one's ends");
        return false;
    }
    found = find_sockets(rules, settings, QEMU_HOLDING_CONNECTION);
    leave_out_taken(rules, found);
    if (is_monitor || found->len != 1) {
        report(rules, arg, QEMU_FINDING_BLOCK, "chardev-client",
               "with reconnect=1 the new QEMU makes a connection of its own",
               is_monitor ? "a monitor that comes into being greets, and the other side is in a conversation"
               : found->len > 1 ? "the running QEMU has several connections to that address"
                                : "the connection has ended, and QEMU does not connect again");
        return false;
    }
    give(rules, settings, g_ptr_array_index(found, 0));
    report(rules, arg, QEMU_FINDING_OK, "chardev-handed", NULL, "the connection is handed over as it is");
    return true;
}

/* Named by its number, under which it is handed over: rules-process.c. */
static bool
carry_numbered(QemuRules *rules, const QemuArg *arg, QemuKeyval *settings, bool is_monitor)
{
    if (qemu_keyval_is_on(settings, "server")) {
        qemu_keyval_set_switch(settings, "wait", false);
        return true;
    }
    if (is_monitor)
        report(rules, arg, QEMU_FINDING_BLOCK, "chardev-client", "plan a restart of the guest",
               "a monitor that comes into being greets, and the other side is in a conversation");
    return false;
}

bool
qemu_rules_carry_socket(QemuRules *rules, const QemuArg *arg, QemuKeyval *settings, bool is_monitor)
{
    if (qemu_keyval_get(settings, "fd"))
        return carry_numbered(rules, arg, settings, is_monitor);
    return qemu_keyval_is_on(settings, "server") ? carry_listener(rules, arg, settings)
                                                 : carry_client(rules, arg, settings, is_monitor);
}
