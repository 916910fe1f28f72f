/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options about the process rather than the machine: what would clash with the running QEMU, and descriptors.
 */
#include "qemu/rules.h"

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
            qemu_rules_hand_over_as(rules, QEMU_PLAN_FD_HANDED, number, number);
    }
    return true;
}

/* A QEMU without -D logs to its standard error. Of several -D the last one counts, and one descriptor is enough for all. */
bool
qemu_rule_log(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error)
{
    const QemuHolding *holding = qemu_holdings_find_last(rules->context->holdings, QEMU_HOLDING_LOG);

    if (!holding)
        return qemu_rule_drop_warn(rules, rule, arg, error);
    qemu_rules_hand_over_as(rules, QEMU_PLAN_FD_HANDED, holding->number, STDERR_FILENO);
    qemu_rules_find(rules, QEMU_FINDING_OK, "log-handed", NULL, "“-D %.100s”: the open file is handed over; error messages go there, too",
                    arg->value);
    qemu_argv_remove(rules->argv, arg);
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

/* What a command line says of descriptors. */
typedef struct {
    GArray *numbers; /* int */
    bool is_opaque;  /* there are some that are not named by their number */
} NamedFds;

/* "5", "5:6". Standard input and output are not meant. */
static void
take_numbers(NamedFds *named, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", -1);

    for (char **part = parts; *part; part++) {
        guint64 number = 0;
        if (!g_ascii_string_to_unsigned(*part, 10, 0, G_MAXINT, &number, NULL)) {
            named->is_opaque = true;
        } else if (number > STDERR_FILENO) {
            int value = (int)number;
            g_array_append_val(named->numbers, value);
        }
    }
}

/* "/dev/fd/7", "/proc/self/fd/7". */
static void
take_path(NamedFds *named, const char *path)
{
    static const char *const prefixes[] = {"/dev/fd/", "/proc/self/fd/"};

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(path, prefixes[i]))
            take_numbers(named, path + strlen(prefixes[i]));
    }
    if (g_str_has_prefix(path, "/dev/fdset/"))
        named->is_opaque = true;
}

static void
take_setting(const char *key, const char *value, gpointer data)
{
    static const char *const keys[] = {"fd", "fds", "vhostfd", "vhostfds", "sock_fd", NULL};

    if (g_strv_contains(keys, key))
        take_numbers(data, value);
    /* "addr.type=fd" of -netdev stream, "server.type=fd" of -blockdev: the number is elsewhere. */
    else if (g_str_has_suffix(key, ".type") && strcmp(value, "fd") == 0)
        ((NamedFds *)data)->is_opaque = true;
    else
        take_path(data, value);
}

/* The path in a shorthand: "file:/dev/fd/5" as well as "/dev/fd/5". */
static void
take_text(NamedFds *named, const char *text)
{
    const char *colon = strchr(text, ':');

    take_path(named, text);
    if (colon)
        take_path(named, colon + 1);
}

static NamedFds
find_fds(const QemuArg *arg)
{
    /* What -add-fd takes gets another number in QEMU. */
    NamedFds named = {.numbers = g_array_new(FALSE, FALSE, sizeof(int)), .is_opaque = qemu_arg_is(arg, "add-fd")};

    if (arg->settings)
        qemu_keyval_foreach(arg->settings, take_setting, &named);
    else if (arg->value)
        take_text(&named, arg->value);
    return named;
}

/* TRUE when the running QEMU has it. It keeps its number, for the definition goes on to name it so; of vhost it is another. */
static bool
hand_over(QemuRules *rules, int number)
{
    const QemuHolding *holding = qemu_holdings_find_number(rules->context->holdings, number);

    if (!holding)
        return false;
    for (guint i = 0; i < rules->plan->fds->len; i++)
        if (g_array_index(rules->plan->fds, QemuPlanFd, i).number == number)
            return true;
    qemu_rules_hand_over_as(rules, holding->kind == QEMU_HOLDING_VHOST_NET ? QEMU_PLAN_FD_VHOST_NET : QEMU_PLAN_FD_HANDED, number,
                            number);
    return true;
}

bool
qemu_rule_descriptors(QemuRules *rules, const QemuRule *rule, QemuArg *none G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED)
{
    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        NamedFds named = find_fds(arg);
        g_autoptr(GArray) numbers = named.numbers;
        bool all = !named.is_opaque;

        if (arg->added)
            continue;
        for (guint j = 0; j < numbers->len; j++) {
            int number = g_array_index(numbers, int, j);
            g_array_append_val(rules->named_fds, number);
            all = qemu_rules_is_incoming(rules) && hand_over(rules, number) && all;
        }
        if (!all)
            qemu_rules_report(rules, QEMU_FINDING_BLOCK, rule, arg);
        else if (numbers->len > 0)
            qemu_rules_find(rules, QEMU_FINDING_OK, "fd-handed", NULL, "“%s %.100s”: the descriptor is handed over",
                            arg->word, arg->value);
    }
    return true;
}
