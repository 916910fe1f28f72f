/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network back ends (-netdev, -nic, -net).
 */
#include "qemu/rules.h"

#include <string.h>

typedef struct {
    const char *type;
    const char *code; /* NULL: harmless */
    const char *reason;
} Backend;

static const Backend backends[] = {
    {"none", NULL, NULL},
    {"nic", NULL, NULL}, /* "-net nic": the guest's side */
    {"hubport", NULL, NULL},
    {"user", NULL, NULL}, /* rules-network-user.c */
    {"tap", NULL, NULL}, /* rules-network-tap.c */
    {"bridge", NULL, NULL},
    {"vhost-user", "device-vhost-user", "its other half is a process that talks to one QEMU at a time"},
    {"vhost-vdpa", "device-vhost-vdpa", "a device of the host is bound to the running QEMU"},
    /* Of a stream two readers would each get a part; of datagrams all that wait would come twice. */
    {"socket", "net-socket", "the running QEMU holds the socket"},
    {"stream", "net-socket", "the running QEMU holds the socket"},
    {"dgram", "net-socket", "the running QEMU holds the socket"},
    {"l2tpv3", "net-tunnel", "the running QEMU holds the end of the tunnel, and the count of its packets"},
    {"vde", "net-vde", "the running QEMU holds the port of the switch"},
    {"netmap", "net-netmap", "the running QEMU holds the port of the switch"},
    {"passt", "net-passt", "its other half is a process that talks to one QEMU, and ends with it"},
    {"af-xdp", "net-af-xdp", "the running QEMU holds the queues of the host's network card"},
};

static const Backend other_backend = {NULL, "net-other", "moult does not know how to hand it over"};

static const Backend *
find_backend(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        if (strcmp(backends[i].type, type) == 0)
            return &backends[i];
    }
    return &other_backend;
}

static void
report(QemuRules *rules, const QemuArg *arg, const char *code, const char *hint, const char *reason)
{
    qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), code, hint, "“%s %.100s”: %s", arg->word,
                    arg->value, reason);
}

bool
qemu_rule_network(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg,
                  GError **error G_GNUC_UNUSED)
{
    const char *type = qemu_keyval_get(arg->settings, "type");
    const Backend *backend = type ? find_backend(type) : NULL;

    if (!backend)
        return true;
    if (strcmp(type, "user") == 0)
        qemu_rules_carry_user(rules, arg);
    else if (strcmp(type, "tap") == 0 || strcmp(type, "bridge") == 0)
        qemu_rules_carry_tap(rules, arg);
    else if (backend->code)
        report(rules, arg, backend->code, "use a TAP device or user networking, or plan a restart",
               backend->reason);
    return true;
}
