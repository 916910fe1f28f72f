/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/user-networks.h"

#include "qemu/plan.h"

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

bool
qemu_user_networks_is_unnamed(const char *name)
{
    return *name == '#' || g_str_has_prefix(name, QEMU_PLAN_OUR_PREFIX);
}
