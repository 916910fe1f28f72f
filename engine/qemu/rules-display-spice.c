/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SPICE. Its server listens when it is made, and never again (ui/spice-core.c, 7.2 to 10.0): at its ports, or path, the two
 * QEMUs take turns. The target knows nothing of the source's clients, which connect again.
 */
#include "qemu/rules.h"

#include <string.h>

#define PASSWORD_HINT "set it again afterwards (set_password, expire_password), or give it with password-secret="

static const char *const port_keys[] = {"port", "tls-port"};

static void
report(QemuRules *rules, const QemuArg *arg, QemuFindingLevel level, const char *code, const char *hint,
       const char *reason)
{
    qemu_rules_find(rules, level, code, hint, "“%s %.100s”: %s", arg->word, arg->value, reason);
}

static bool
is_port(const QemuKeyval *settings, const char *key)
{
    const char *value = qemu_keyval_get(settings, key);

    return value && strcmp(value, "0") != 0;
}

static bool
carry_port(QemuRules *rules, const QemuArg *arg, const char *key)
{
    const char *host = qemu_keyval_get(arg->settings, "addr"), *text = qemu_keyval_get(arg->settings, key);
    g_autofree char *what = g_strdup_printf("SPICE at %s %s", key, text);
    guint64 port = 0;

    return g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT16, &port, NULL) &&
           qemu_rules_take_turns(rules, what, host ? host : "", (guint16)port);
}

/* QEMU tells neither a password nor when it expires. */
static void
look_at_password(QemuRules *rules, const QemuArg *arg)
{
    bool is_given = qemu_keyval_get(arg->settings, "password-secret") || qemu_keyval_get(arg->settings, "password");

    if (qemu_keyval_is_on(arg->settings, "disable-ticketing"))
        return;
    if (is_given)
        report(rules, arg, QEMU_FINDING_OK, "display-spice-password", PASSWORD_HINT,
               "the password is that of the command line, and does not expire; what was set at run time cannot be read");
    else if (!qemu_keyval_is_on(arg->settings, "sasl"))
        report(rules, arg, QEMU_FINDING_WARN, "display-spice-password", PASSWORD_HINT,
               "a password that was set at run time cannot be read: nobody is let in until it is set again");
}

static bool
carry_path(QemuRules *rules, const QemuArg *arg)
{
    const char *path = qemu_keyval_get(arg->settings, "addr");
    g_autofree char *what = g_strdup_printf("SPICE at %s", path);

    return path && qemu_rules_take_turns_at(rules, what, path);
}

/* *RET_LISTENS: whether it does so at all. FALSE: the running QEMU does not where it should. */
static bool
carry_listeners(QemuRules *rules, const QemuArg *arg, bool *ret_listens)
{
    bool is_unix = qemu_keyval_is_on(arg->settings, "unix"), is_incoming = qemu_rules_is_incoming(rules);

    *ret_listens = is_unix;
    if (is_unix)
        return !is_incoming || carry_path(rules, arg);
    for (size_t i = 0; i < G_N_ELEMENTS(port_keys); i++) {
        if (!is_port(arg->settings, port_keys[i]))
            continue;
        *ret_listens = true;
        if (is_incoming && !carry_port(rules, arg, port_keys[i]))
            return false;
    }
    return true;
}

bool
qemu_rule_spice(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    bool listens = false;

    if (!carry_listeners(rules, arg, &listens))
        report(rules, arg, QEMU_FINDING_BLOCK, "display-spice", "plan a restart of the guest",
               "the running QEMU does not listen there");
    else if (!listens)
        report(rules, arg, QEMU_FINDING_OK, "display-spice", NULL,
               "it listens nowhere; clients have to be given to it again (add_client)");
    else if (qemu_rules_is_incoming(rules)) {
        report(rules, arg, QEMU_FINDING_OK, "display-spice", NULL,
               "both QEMUs are at the same address, and one listens at a time; clients have to connect again");
        look_at_password(rules, arg);
    }
    return true;
}
