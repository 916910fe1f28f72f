/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who the guest is, and what moult adds to every instance: monitors and -incoming.
 */
#include "qemu/rules.h"

#include <string.h>

#include "qemu/argv-error.h"
#include "qemu/user-networks.h"

bool
qemu_rule_our_ids(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error)
{
    const char *id = qemu_keyval_get(arg->settings, "id");

    /* One of the present, which no definition has (guest/explain-user-numbers.c). */
    if (id && qemu_rules_is_incoming(rules) && g_strcmp0(qemu_arg_get_network(arg), "user") == 0 &&
        qemu_user_networks_is_placeholder(id))
        return true;
    if (id && g_str_has_prefix(id, QEMU_PLAN_OUR_PREFIX))
        return qemu_rule_refuse(rules, rule, arg, error);
    return true;
}

bool
qemu_rule_uuid(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg G_GNUC_UNUSED,
               GError **error)
{
    const QemuArg *given = qemu_argv_find(rules->argv, "uuid");

    if (!given) {
        rules->plan->uuid = g_strdup(rules->context->uuid);
        if (!rules->context->is_adopted) /* the guest has booted without one */
            qemu_argv_append(rules->argv, "uuid", rules->plan->uuid);
        return true;
    }
    if (!g_uuid_string_is_valid(given->value))
        return qemu_argv_fail(
            error, QEMU_PLAN_ERROR_ARGUMENTS,
            "“-uuid %.64s”: not a UUID: it has the form 12345678-1234-1234-1234-123456789abc", given->value);
    rules->plan->uuid = g_ascii_strdown(given->value, -1);
    return true;
}

bool
qemu_rule_name(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg G_GNUC_UNUSED,
               GError **error G_GNUC_UNUSED)
{
    g_autofree char *escaped = qemu_keyval_escape(rules->context->name);
    g_autofree char *value = g_strconcat("guest=", escaped, NULL);

    /* QEMU merges -name too: an operator's process= or debug-threads= stays in force. */
    if (!rules->context->is_adopted && !qemu_argv_get_merged(rules->argv, "name", "guest"))
        qemu_argv_append(rules->argv, "name", value);
    return true;
}

static void
add_monitor(QemuRules *rules, QemuPlanFdKind kind, const char *id)
{
    int number = qemu_rules_add_fd(rules, kind, 0);
    g_autofree char *chardev = g_strdup_printf("socket,id=%s,fd=%d,server=on,wait=off", id, number);
    g_autofree char *mon = g_strdup_printf("chardev=%s,mode=control", id);

    qemu_argv_append(rules->argv, "chardev", chardev);
    qemu_argv_append(rules->argv, "mon", mon);
}

/* vl.c: any -mon turns the default monitor off; there is none with -nodefaults, or when the operator has
 * named one. */
static bool
takes_away_default_monitor(const QemuRules *rules)
{
    static const char *const options[] = {"nodefaults", "monitor", "mon", "qmp", "qmp-pretty"};

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (qemu_argv_find(rules->argv, options[i]))
            return false;
    }
    return true;
}

bool
qemu_rule_monitors(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    if (takes_away_default_monitor(rules))
        qemu_rules_report(rules, QEMU_FINDING_OK, rule, arg);
    add_monitor(rules, QEMU_PLAN_FD_MONITOR, QEMU_PLAN_OUR_PREFIX "monitor");
    add_monitor(rules, QEMU_PLAN_FD_OPERATOR, QEMU_PLAN_OUR_PREFIX "operator");
    return true;
}

bool
qemu_rule_incoming(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg G_GNUC_UNUSED,
                   GError **error G_GNUC_UNUSED)
{
    qemu_argv_append(rules->argv, "incoming", "defer");
    if (rules->context->start_paused)
        qemu_argv_append(rules->argv, "S", NULL);
    return true;
}
