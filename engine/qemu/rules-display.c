/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Displays. A guest of moult's has no window. VNC: rules-display-vnc.c; SPICE: rules-display-spice.c.
 */
#include "qemu/rules.h"

#include <string.h>

static void
report(QemuRules *rules, const QemuArg *arg, const char *code, const char *reason)
{
    qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), code, "use “-display none”", "“%s %.100s”: %s",
                    arg->word, arg->value ? arg->value : "", reason);
}

bool
qemu_rule_display(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg,
                  GError **error G_GNUC_UNUSED)
{
    static const char *const harmless[] = {"none", "egl-headless", NULL};
    const char *type = qemu_keyval_get(arg->settings, "type");
    const char *vnc = qemu_keyval_get(arg->settings, "vnc");

    if (vnc && !type)
        qemu_rules_carry_vnc(rules, arg);
    else if (!type || g_strv_contains(harmless, type))
        return true;
    else if (strcmp(type, "spice-app") == 0)
        report(rules, arg, "display-spice", "the running QEMU holds the socket");
    else if (strcmp(type, "dbus") == 0)
        report(rules, arg, "display-dbus", "the running QEMU holds the name on the bus");
    else
        report(rules, arg, "display-window", "a window belongs to the QEMU that opened it");
    return true;
}

bool
qemu_rule_vnc(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg,
              GError **error G_GNUC_UNUSED)
{
    qemu_rules_carry_vnc(rules, arg);
    return true;
}

bool
qemu_rule_display_default(QemuRules *rules, const QemuRule *rule, QemuArg *none, GError **error G_GNUC_UNUSED)
{
    static const char *const options[] = {"display", "nographic", "vnc", "spice", "sdl", "curses"};

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (qemu_argv_find(rules->argv, options[i]))
            return true;
    }
    if (rules->context->is_adopted) {
        qemu_findings_add(rules->plan->findings, qemu_rules_hinders_upgrade(rules), "display-default",
                          "start it with -display none, -nographic or -vnc, or with moult run",
                          "no display was asked for: the running QEMU has opened a window or a VNC port of its own choice");
        return true;
    }
    qemu_argv_append(rules->argv, "display", "none");
    qemu_rules_report(rules, QEMU_FINDING_OK, rule, none);
    return true;
}
