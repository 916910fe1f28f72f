/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network back ends (-netdev, -nic, -net). Only user networking without forwarded ports can be opened twice
 * at once.
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
    {"user", NULL, NULL}, /* judged by itself */
    {"tap", "net-tap", "the running QEMU holds the TAP device"},
    {"bridge", "net-tap", "the running QEMU holds the TAP device"},
    {"vhost-user", "device-vhost-user", "its other half is a process that talks to one QEMU at a time"},
    {"vhost-vdpa", "device-vhost-vdpa", "a device of the host is bound to the running QEMU"},
    {"socket", "net-socket", "the running QEMU holds the socket"},
    {"stream", "net-socket", "the running QEMU holds the socket"},
    {"dgram", "net-socket", "the running QEMU holds the socket"},
    {"l2tpv3", "net-socket", "the running QEMU holds the socket"},
    {"vde", "net-socket", "the running QEMU holds the port of the switch"},
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

/* Keys that forward may be written once or be a list in JSON: "hostfwd", "hostfwd.0.str". */
static void
look_for_forward(const char *key, const char *value G_GNUC_UNUSED, gpointer data)
{
    const char **found = data;

    if (g_str_has_prefix(key, "hostfwd"))
        *found = "net-hostfwd";
    else if (g_str_has_prefix(key, "guestfwd") && !*found)
        *found = "net-guestfwd";
}

static void
look_at_user(QemuRules *rules, const QemuArg *arg)
{
    const char *forward = NULL;

    qemu_keyval_foreach(arg->settings, look_for_forward, &forward);
    if (!forward)
        qemu_findings_add(
            rules->plan->findings, QEMU_FINDING_OK, "net-user", NULL,
            "“%s %.100s”: connections that are open through user networking end with the old QEMU", arg->word,
            arg->value);
    else if (strcmp(forward, "net-hostfwd") == 0)
        report(rules, arg, forward,
               "leave hostfwd= out; forward the port with the command hostfwd_add when it is needed",
               "the running QEMU holds the forwarded port");
    else
        report(rules, arg, forward, "leave guestfwd= out",
               "what the guest's connections are forwarded to would be opened a second time");
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
        look_at_user(rules, arg);
    else if (backend->code)
        report(rules, arg, backend->code, "use user networking without forwarded ports, or plan a restart",
               backend->reason);
    return true;
}
