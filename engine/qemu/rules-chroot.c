/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that cannot go back to a path it was given: it is in a chroot, or it has become another user. Its images are then
 * opened once and for all, before that.
 */
#include "qemu/chroot.h"
#include "qemu/rules.h"

#include <string.h>

bool
qemu_rule_chroot(QemuRules *rules, const QemuRule *rule, QemuArg *none G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    const char *folder = qemu_chroot_find(rules->argv);

    rules->stays_open = folder || rules->plan->run_as;
    if (folder)
        qemu_rules_find(rules, QEMU_FINDING_OK, rule->code, rule->hint, "QEMU shuts itself into “%.200s”: %s", folder, rule->reason);
    return true;
}

/* What -drive would say for them (system/vl.c). A bare word is -hda. */
static const struct {
    const char *option, *settings;
} shorthands[] = {
    {"hda", "index=0,media=disk"}, {"hdb", "index=1,media=disk"}, {"hdc", "index=2,media=disk"}, {"hdd", "index=3,media=disk"},
    {"fda", "if=floppy,index=0"},  {"fdb", "if=floppy,index=1"},  {"mtdblock", "if=mtd"},        {"sd", "if=sd"},
    {"pflash", "if=pflash"},
};

static QemuArg *
write_out(QemuRules *rules, QemuArg *arg)
{
    const char *settings = arg->option ? NULL : shorthands[0].settings;

    for (gsize i = 0; arg->option && i < G_N_ELEMENTS(shorthands); i++)
        if (qemu_arg_is(arg, shorthands[i].option))
            settings = shorthands[i].settings;
    if (!settings)
        return arg;
    g_autofree char *file = qemu_keyval_escape(arg->option ? arg->value : arg->word);
    g_autofree char *text = g_strdup_printf("%s,file=%s", settings, file);
    return qemu_argv_replace(rules->argv, arg, "drive", text);
}

static void
collect_key(const char *key, const char *value, gpointer data)
{
    if (g_str_has_suffix(key, ".auto-read-only") && strcmp(value, "off") != 0)
        g_ptr_array_add(data, g_strdup(key));
}

/* FALSE: it is set somewhere in JSON, below the top. */
static bool
switch_off(QemuKeyval *settings)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

    qemu_keyval_foreach(settings, collect_key, keys);
    if (keys->len > 0 && qemu_keyval_is_json(settings))
        return false;
    for (guint i = 0; i < keys->len; i++)
        qemu_keyval_set_switch(settings, g_ptr_array_index(keys, i), false);
    qemu_keyval_set_switch(settings, "auto-read-only", false);
    return true;
}

static void
open_once(QemuRules *rules, const QemuRule *rule, QemuArg *arg)
{
    QemuArg *disk = write_out(rules, arg);

    if (switch_off(disk->settings))
        qemu_rules_report(rules, QEMU_FINDING_OK, rule, disk);
    else
        qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), rule->code, "leave auto-read-only out there",
                        "“%s %.100s”: its image would be opened anew by its path, which QEMU cannot", disk->word, disk->value);
}

bool
qemu_rule_images(QemuRules *rules, const QemuRule *rule, QemuArg *none G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    for (guint i = 0; rules->stays_open && i < rules->argv->args->len; i++) {
        QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        if (!arg->added && qemu_chroot_reopens_image(arg))
            open_once(rules, rule, arg);
    }
    return true;
}
