/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is forwarded now goes into the command line of the present in place of hostfwd=, where it is not the same. One that
 * could not be opened yet when the guest came here is not in the monitor's answer, and counts all the same.
 */
#include "guest/explain-hostfwd.h"

#include <string.h>

#include "guest/deferred.h"
#include "guest/explain-forwards.h"
#include "guest/handover.h"
#include "qemu/user-networks.h"

/* ---- What is forwarded ---- */

/* The QEMU is not believed: it has a socket there. UDP sockets are not told apart from other descriptors. */
static bool
is_socket(const GuestForward *forward, const GPtrArray *holdings)
{
    const QemuHolding *holding = qemu_holdings_find_number(holdings, forward->descriptor);

    if (!holding || forward->is_udp)
        return holding && holding->kind == QEMU_HOLDING_OTHER;
    return holding->kind == QEMU_HOLDING_LISTENER && holding->family == AF_INET && holding->port == forward->port &&
           strcmp(holding->host, forward->host) == 0;
}

static bool
are_sockets(const Explanation *explanation, const GPtrArray *forwards)
{
    if (forwards->len == 0)
        return true;
    g_autoptr(GPtrArray) holdings = guest_handover_look(explanation->environment, explanation->instance, NULL);

    for (guint i = 0; i < forwards->len; i++)
        if (!is_socket(forwards->pdata[i], holdings))
            return false;
    return true;
}

static bool
has_same(const GPtrArray *settings, const char *setting)
{
    for (guint i = 0; i < settings->len; i++)
        if (guest_explain_forwards_is_same(setting, settings->pdata[i], NULL))
            return true;
    return false;
}

/* "n0 tcp::2222-:22", and of the first network without its name. */
static void
add_awaited(const GuestInstance *instance, const char *network, bool is_first, GPtrArray *settings)
{
    g_autoptr(GPtrArray) lines = guest_deferred_list_lines(instance, "hostfwd_add ");

    for (guint i = 0; i < lines->len; i++) {
        const char *line = lines->pdata[i], *space = strchr(line, ' ');
        bool is_its = space ? strlen(network) == (gsize)(space - line) && g_str_has_prefix(line, network) : is_first;
        const char *setting = space ? space + 1 : line;
        if (is_its && !has_same(settings, setting))
            g_ptr_array_add(settings, g_strdup(setting));
    }
}

static GPtrArray *
list_settings(const Explanation *explanation, const GPtrArray *forwards, const char *network, bool is_first)
{
    GPtrArray *settings = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < forwards->len; i++)
        g_ptr_array_add(settings, g_strdup(((const GuestForward *)forwards->pdata[i])->setting));
    add_awaited(explanation->instance, network, is_first, settings);
    return settings;
}

GPtrArray *
explain_hostfwd_of(const Explanation *explanation, const char *usernet, const char *network)
{
    g_autoptr(GPtrArray) forwards = guest_explain_forwards_of(usernet, network);
    g_autoptr(GPtrArray) users = guest_explain_forwards_networks(usernet);
    bool is_first = users->len > 0 && g_str_equal(users->pdata[0], network);

    return forwards && are_sockets(explanation, forwards) ? list_settings(explanation, forwards, network, is_first) : NULL;
}

/* ---- The networks of the definition ---- */

static void
report(Explanation *explanation, const char *what, const GPtrArray *settings)
{
    for (guint i = 0; i < settings->len; i++)
        explain_carried(explanation, "net-hostfwd-changed", what, settings->pdata[i]);
}

static void
look_at_network(Explanation *explanation, QemuArg *arg, const char *usernet, const char *network, bool is_first)
{
    g_autoptr(GPtrArray) forwards = guest_explain_forwards_of(usernet, network);
    g_autoptr(GPtrArray) settings = forwards ? list_settings(explanation, forwards, network, is_first) : NULL;
    g_autoptr(GPtrArray) defined = guest_explain_forwards_defined(arg->settings);
    g_autoptr(GPtrArray) added = g_ptr_array_new(), removed = g_ptr_array_new();

    if (settings)
        guest_explain_forwards_compare(defined, settings, qemu_keyval_get(arg->settings, "dhcpstart"), added, removed);
    if (settings && added->len + removed->len == 0)
        return;
    if (!settings || !are_sockets(explanation, forwards)) {
        explain_block(explanation, "net-hostfwd-changed",
                      "forwarded ports were changed since the guest's start, and cannot be told, of", network);
        return;
    }
    report(explanation, "a port that is forwarded since the guest's start is carried along:", added);
    report(explanation, "a port that is no longer forwarded since the guest's start is left out:", removed);
    qemu_keyval_set_list(arg->settings, "hostfwd", settings);
}

/* The next of USERS, from *AT on, that QEMU or moult has named, for the command line does not. NULL: none. Borrowed. */
static const char *
find_unnamed(const GPtrArray *users, guint *at)
{
    while (*at < users->len) {
        const char *name = users->pdata[(*at)++];
        if (qemu_user_networks_is_unnamed(name))
            return name;
    }
    return NULL;
}

void
explain_hostfwd(Explanation *explanation, const char *usernet, const GPtrArray *users)
{
    g_autoptr(GPtrArray) args = qemu_user_networks_list(explanation->argv);
    guint at = 0;

    for (guint i = 0; i < args->len; i++) {
        QemuArg *arg = args->pdata[i];
        const char *id = qemu_keyval_get(arg->settings, "id"), *name = id ? id : find_unnamed(users, &at);
        look_at_network(explanation, arg, usernet, name ? name : "#",
                        name && users->len > 0 && g_str_equal(users->pdata[0], name));
    }
}
