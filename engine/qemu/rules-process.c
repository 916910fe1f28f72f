/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options about the process rather than the machine: what would clash with the running QEMU, and descriptors.
 */
#include "qemu/rules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In either spelling, before it is translated into the other. QEMU takes the last one. */
bool
qemu_rule_run_as(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    const char *user = qemu_arg_is(arg, "runas") ? arg->value : qemu_keyval_get(arg->settings, "user");

    if (!user)
        return true;
    g_free(rules->plan->run_as);
    rules->plan->run_as = g_strdup(user);
    return true;
}

bool
qemu_rule_pidfile(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error)
{
    g_free(rules->plan->pidfile); /* QEMU takes the last one */
    rules->plan->pidfile = g_strdup(arg->value);
    return qemu_rule_drop(rules, rule, arg, error);
}

/* Only where they lead out of the instance (holding.h): the log of an instance is its own. */
bool
qemu_rule_standard(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *none G_GNUC_UNUSED,
                   GError **error G_GNUC_UNUSED)
{
    for (int number = STDIN_FILENO; number <= STDOUT_FILENO; number++) {
        const QemuHolding *holding = qemu_holdings_find_number(rules->context->holdings, number);
        if (holding && holding->kind == QEMU_HOLDING_STANDARD)
            qemu_rules_hand_over_as(rules, number, number);
    }
    return true;
}

bool
qemu_rule_replay(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error)
{
    if (!qemu_keyval_get(arg->settings, "rr"))
        return true;
    return qemu_rule_hinder(rules, rule, arg, error);
}

bool
qemu_rule_cpu(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error)
{
    size_t length = strcspn(arg->value, ",");
    bool varies = (length == 4 && strncmp(arg->value, "host", 4) == 0) ||
                  (length == 3 && strncmp(arg->value, "max", 3) == 0);

    return varies ? qemu_rule_warn(rules, rule, arg, error) : true;
}

/* "/dev/fd/7", "/proc/self/fd/7": a descriptor beyond the standard three. */
static bool
is_fd_path(const char *value)
{
    static const char *const prefixes[] = {"/dev/fd/", "/proc/self/fd/"};

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(value, prefixes[i]))
            return strtol(value + strlen(prefixes[i]), NULL, 10) > 2;
    }
    return g_str_has_prefix(value, "/dev/fdset/");
}

static void
look_for_fd(const char *key, const char *value, gpointer data)
{
    static const char *const keys[] = {"fd", "fds", "vhostfd", "vhostfds", "sock_fd", NULL};
    bool *found = data;

    /* "addr.type=fd" of -netdev stream, "server.type=fd" of -blockdev. */
    if (g_strv_contains(keys, key) || (g_str_has_suffix(key, ".type") && strcmp(value, "fd") == 0) ||
        is_fd_path(value))
        *found = true;
}

/* The path in a shorthand: "file:/dev/fd/5" as well as "/dev/fd/5". */
static bool
is_fd_text(const char *value)
{
    const char *colon = strchr(value, ':');

    return is_fd_path(value) || (colon && is_fd_path(colon + 1));
}

bool
qemu_rule_descriptors(QemuRules *rules, const QemuRule *rule, QemuArg *none G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED)
{
    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        bool found = qemu_arg_is(arg, "add-fd");

        if (arg->added)
            continue;
        if (arg->settings)
            qemu_keyval_foreach(arg->settings, look_for_fd, &found);
        else if (arg->value)
            found = is_fd_text(arg->value);
        if (found)
            qemu_rules_report(rules, QEMU_FINDING_BLOCK, rule, arg);
    }
    return true;
}
