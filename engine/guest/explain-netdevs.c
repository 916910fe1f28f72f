/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network back ends (-netdev) that came and went since the start. One that is deleted while a card uses it is still told of, for
 * QEMU keeps it until the card goes. A card cannot be given another.
 */
#include "guest/explain-netdevs.h"

#include <string.h>

#include "guest/explain-forwards.h"
#include "guest/explain-hostfwd.h"
#include "guest/explain-user-numbers.h"
#include "qemu/user-networks.h"
#include "qmp/commands.h"

/* ---- What went ---- */

/* One that was added under the name of one that is gone is another. What a helper has made is "tap" in the next QEMU. */
static bool
is_still(const QemuArg *arg, const GuestNetdev *netdev)
{
    const char *type = qemu_keyval_get(arg->settings, "type");
    bool was_tap = g_strcmp0(type, "tap") == 0 || g_strcmp0(type, "bridge") == 0;

    if (!netdev)
        return false;
    return was_tap ? g_str_equal(netdev->type, "tap") || g_str_equal(netdev->type, "bridge")
                   : g_strcmp0(type, netdev->type) == 0;
}

static void
look_for_removed(Explanation *explanation, GHashTable *netdevs)
{
    for (guint i = explanation->argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *id = qemu_arg_is(arg, "netdev") ? qemu_keyval_get(arg->settings, "id") : NULL;
        const GuestNetdev *netdev = id ? g_hash_table_lookup(netdevs, id) : NULL;
        if (!id || is_still(arg, netdev))
            continue;
        if (!netdev && qemu_argv_find_with(explanation->argv, "device", "netdev", id)) {
            explain_block(explanation, "netdev-removed", "the back end of a network card was removed since the guest's start:",
                          id);
            continue;
        }
        explain_carried(explanation, "netdev-removed",
                        "a network back end that was removed since the guest's start is left out:", id);
        qemu_argv_remove(explanation->argv, arg);
    }
}

/* ---- What came ---- */

static void
look_at_added(Explanation *explanation, const char *name, const GuestNetdev *netdev, const char *usernet)
{
    g_autofree char *settings = explain_netdev_describe(explanation, name, netdev, usernet);

    if (!settings) {
        explain_block(explanation, "netdev-added",
                      "a network back end was added since the guest's start, and cannot be told whole:", name);
        return;
    }
    explain_append_text(explanation, "netdev", settings);
    explain_carried(explanation, "netdev-added",
                    "a network back end that was added since the guest's start is carried along:", name);
    if (g_str_equal(netdev->type, "user"))
        qemu_findings_add(explanation->findings, QEMU_FINDING_WARN, "netdev-settings",
                          "write it into the guest's command line if it must have others",
                          "of '%.64s' only restrict= and hostfwd= can be read: host=, dns=, dhcpstart=, ipv6= and the like "
                          "become QEMU's defaults, and guestfwd=, smb= and tftp= are none",
                          name);
}

static bool
is_explained(const Explanation *explanation, const char *name)
{
    return qemu_user_networks_is_unnamed(name) || qemu_user_networks_is_placeholder(name) ||
           explain_find(explanation, "netdev", name) || explain_find(explanation, "nic", name) ||
           explain_find(explanation, "net", name);
}

static void
add_if_new(const Explanation *explanation, GPtrArray *names, const char *name)
{
    if (!is_explained(explanation, name) && !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, (gpointer)name);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* User networks in the order of their making, in which their states are numbered; then all others. Borrowed names. */
static GPtrArray *
list_added(const Explanation *explanation, GHashTable *netdevs, const GPtrArray *users)
{
    GPtrArray *names = g_ptr_array_new();
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;

    for (guint i = 0; i < users->len; i++)
        if (g_hash_table_contains(netdevs, users->pdata[i]))
            add_if_new(explanation, names, users->pdata[i]);
    g_hash_table_iter_init(&iter, netdevs);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(others, name);
    g_ptr_array_sort(others, compare_names);
    for (guint i = 0; i < others->len; i++)
        add_if_new(explanation, names, others->pdata[i]);
    return names;
}

/* ---- All of them ---- */

/* NULL, and a BLOCK: the monitor does not tell. Owned. */
static char *
ask(Explanation *explanation, const char *line)
{
    g_autoptr(GError) error = NULL;
    char *answer = qmp_human_monitor_command(explanation->instance->monitor, line, explanation->wait, &error);

    if (!answer) {
        explain_unanswered(explanation, "network back ends", error);
    } else if (!qmp_human_output_is_whole(answer)) {
        explain_block(explanation, "monitor", "the monitor's answer is too long:", line);
        g_clear_pointer(&answer, g_free);
    }
    return answer;
}

/* Those that QEMU has named are in the command line alone. */
static bool
has_user(const Explanation *explanation, GHashTable *netdevs)
{
    g_autoptr(GPtrArray) args = qemu_user_networks_list(explanation->argv);
    GHashTableIter iter;
    gpointer netdev;

    if (args->len > 0)
        return true;
    g_hash_table_iter_init(&iter, netdevs);
    while (g_hash_table_iter_next(&iter, NULL, &netdev))
        if (g_str_equal(((const GuestNetdev *)netdev)->type, "user"))
            return true;
    return false;
}

/* A placeholder that could not be removed yet is as good as gone. USERNET may be NULL. Owned, with its free function. */
static GPtrArray *
list_present_users(const char *usernet)
{
    GPtrArray *users = usernet ? guest_explain_forwards_networks(usernet) : g_ptr_array_new_with_free_func(g_free);

    for (guint i = users->len; i-- > 0;)
        if (qemu_user_networks_is_placeholder(users->pdata[i]))
            g_ptr_array_remove_index(users, i);
    return users;
}

void
explain_netdevs(Explanation *explanation)
{
    g_autofree char *network = ask(explanation, "info network");
    g_autoptr(GHashTable) netdevs = network ? guest_netdev_list_read(network) : NULL;
    bool has_users = netdevs && has_user(explanation, netdevs);
    g_autofree char *usernet = has_users ? ask(explanation, "info usernet") : NULL;

    if (!netdevs || (has_users && !usernet))
        return;
    g_autoptr(GPtrArray) users = list_present_users(usernet);
    look_for_removed(explanation, netdevs);
    if (usernet)
        explain_hostfwd(explanation, usernet, users);
    g_autoptr(GPtrArray) added = list_added(explanation, netdevs, users);
    for (guint i = 0; i < added->len; i++)
        look_at_added(explanation, added->pdata[i], g_hash_table_lookup(netdevs, added->pdata[i]), usernet);
    if (usernet)
        explain_user_numbers(explanation, users);
}
