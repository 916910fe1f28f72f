/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/user-networks.h"

#include <string.h>

static void
collect(const QemuArgv *argv, const char *option, bool is_json, GPtrArray *networks)
{
    for (guint i = 0; i < argv->args->len; i++) {
        QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (qemu_arg_is(arg, option) && g_strcmp0(qemu_arg_get_network(arg), "user") == 0 &&
            qemu_keyval_is_json(arg->settings) == is_json)
            g_ptr_array_add(networks, arg);
    }
}

/* The order is that of net/net.c:net_init_clients(). */
GPtrArray *
qemu_user_networks_list(const QemuArgv *argv)
{
    GPtrArray *networks = g_ptr_array_new();

    collect(argv, "netdev", true, networks);
    collect(argv, "netdev", false, networks);
    collect(argv, "nic", false, networks);
    collect(argv, "net", false, networks);
    return networks;
}

GPtrArray *
qemu_user_networks_list_names(const QemuArgv *argv)
{
    g_autoptr(GPtrArray) networks = qemu_user_networks_list(argv);
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < networks->len; i++) {
        const char *id = qemu_keyval_get(((const QemuArg *)networks->pdata[i])->settings, "id");
        g_ptr_array_add(names, (gpointer)(id ? id : "#"));
    }
    return names;
}

static bool
has_form(const char *name, const char *format)
{
    return strncmp(name, format, strlen(format) - strlen("%u")) == 0;
}

bool
qemu_user_networks_is_unnamed(const char *name)
{
    return *name == '#' || has_form(name, QEMU_USER_NETWORK_NAME);
}

bool
qemu_user_networks_is_placeholder(const char *name)
{
    return has_form(name, QEMU_USER_NETWORK_PLACEHOLDER);
}

bool
qemu_user_networks_is_same(const char *a, const char *b)
{
    if (qemu_user_networks_is_placeholder(a) || qemu_user_networks_is_placeholder(b))
        return false;
    return strcmp(a, b) == 0 || (qemu_user_networks_is_unnamed(a) && qemu_user_networks_is_unnamed(b));
}

/* Without hosts, ports or a card: restrict=on leads nowhere. */
void
qemu_user_networks_insert_placeholder(QemuArgv *argv, const QemuArg *network, guint number)
{
    bool is_json = qemu_keyval_is_json(network->settings);
    g_autofree char *id = g_strdup_printf(QEMU_USER_NETWORK_PLACEHOLDER, number);
    g_autofree char *text = g_strdup_printf(is_json ? "{\"type\":\"user\",\"id\":\"%s\",\"restrict\":true}"
                                                    : "user,id=%s,restrict=on", id);
    guint index = 0;

    qemu_argv_append(argv, "netdev", text);
    if (qemu_arg_is(network, "netdev") && g_ptr_array_find(argv->args, network, &index))
        g_ptr_array_insert(argv->args, (gint)index, g_ptr_array_steal_index(argv->args, argv->args->len - 1));
}
