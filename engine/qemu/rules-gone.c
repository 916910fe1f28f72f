/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options that the binary at hand does not have: written the way it does have when that means exactly the
 * same, else the guest cannot be run on it. A definition may be older than the QEMU, and after a downgrade
 * newer. Source: QEMU's docs/about/removed-features.rst.
 */
#include "qemu/rules.h"

#include <string.h>

typedef struct {
    const char *option;
    int since;               /* first release that understands the replacement; 0: every one we know */
    const char *replacement; /* option; NULL: it did nothing, and is left out */
    const char *value;       /* "%s" is the option's own value; NULL: none */
} Translation;

static const Translation translations[] = {
    {"runas", QEMU_RELEASE(9, 1), "run-with", "user=%s"},
    {"chroot", QEMU_RELEASE(8, 1), "run-with", "chroot=%s"},
    {"async-teardown", QEMU_RELEASE(8, 1), "run-with", "async-teardown=on"},
    {"no-acpi", 0, "machine", "acpi=off"},
    {"no-hpet", 0, "machine", "hpet=off"},
    {"watchdog", 0, "device", "%s"},
    {"realtime", 0, "overcommit", NULL}, /* mlock= became mem-lock=: see translate_realtime() */
    {"localtime", 0, "rtc", "base=localtime"},
    {"startdate", 0, "rtc", "base=%s"},
    {"rtc-td-hack", 0, "rtc", "driftfix=slew"},
    {"nodefconfig", 0, "no-user-config", NULL},
    {"no-kvm-irqchip", 0, "machine", "kernel_irqchip=off"},
    {"no-kvm-pit-reinjection", 0, "global", "kvm-pit.lost_tick_policy=discard"},
    {"no-kvm-pit", 0, NULL, NULL},
    {"tdf", 0, NULL, NULL},
    {"sdl", 0, "display", "sdl"},
    {"curses", 0, "display", "curses"},
};

static const Translation *
find_translation(const QemuRules *rules, const QemuArg *arg)
{
    for (size_t i = 0; i < G_N_ELEMENTS(translations); i++) {
        const Translation *translation = &translations[i];
        if (strcmp(translation->option, arg->option->canonical) == 0 && rules->release >= translation->since)
            return translation;
    }
    return NULL;
}

static void
report_translated(QemuRules *rules, const QemuArg *arg, const char *now)
{
    qemu_rules_find(rules, QEMU_FINDING_OK, "option-translated", NULL,
                    "QEMU %s has no “%s”; “%.200s” says the same", rules->context->binary->version_text,
                    arg->word, now);
}

/* NULL when the value has no equivalent. Owned. */
static char *
dup_translated_value(const Translation *translation, const QemuArg *arg)
{
    g_autofree char *escaped = arg->value ? qemu_keyval_escape(arg->value) : NULL;
    g_auto(GStrv) parts = NULL;

    if (strcmp(translation->option, "realtime") == 0)
        return g_str_has_prefix(arg->value, "mlock=") ? g_strconcat("mem-lock=", arg->value + 6, NULL) : NULL;
    if (!translation->value)
        return NULL;
    parts = g_strsplit(translation->value, "%s", 2);
    return g_strjoinv(escaped ? escaped : "", parts);
}

static void
translate(QemuRules *rules, QemuArg *arg, const Translation *translation)
{
    g_autofree char *value = NULL;
    g_autofree char *now = NULL;

    if (!translation->replacement) {
        report_translated(rules, arg, "(nothing)");
        qemu_argv_remove(rules->argv, arg);
        return;
    }
    value = dup_translated_value(translation, arg);
    now = g_strdup_printf("-%s%s%s", translation->replacement, value ? " " : "", value ? value : "");
    report_translated(rules, arg, now);
    qemu_argv_replace(rules->argv, arg, translation->replacement, value);
}

static bool
can_translate(const Translation *translation, const QemuArg *arg)
{
    if (!translation)
        return false;
    if (strcmp(translation->option, "realtime") == 0)
        return g_str_has_prefix(arg->value, "mlock=");
    /* It took a model's name; with settings it would mean something else to -device. */
    if (strcmp(translation->option, "watchdog") == 0)
        return strpbrk(arg->value, ",=") == NULL && *arg->value != '\0';
    return true;
}

static void
report_missing(QemuRules *rules, const QemuArg *arg)
{
    bool gone = arg->option->removed && rules->release >= arg->option->removed;

    qemu_rules_find(rules, QEMU_FINDING_BLOCK, gone ? "option-gone" : "option-too-new",
                    gone ? "QEMU's “Removed features” names its replacement, if there is one"
                         : "choose a newer QEMU, or leave the option out",
                    "QEMU %s %s the option “%s”", rules->context->binary->version_text,
                    gone ? "no longer has" : "does not yet have", arg->word);
}

/* -run-with settings that an older QEMU has as options of their own. */
static void
split_run_with(QemuRules *rules, QemuArg *arg)
{
    static const struct {
        const char *key, *option;
    } pairs[] = {{"user", "runas"}, {"chroot", "chroot"}, {"async-teardown", "async-teardown"}};

    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        const QemuOption *option = qemu_option_find(pairs[i].option);
        const char *value = qemu_keyval_get(arg->settings, pairs[i].key);
        bool is_switch = option->syntax == QEMU_SYNTAX_NONE;

        if (!value || !qemu_option_is_in(option, rules->release))
            continue;
        if (!is_switch || qemu_keyval_is_on(arg->settings, pairs[i].key)) {
            QemuArg *added = qemu_argv_append(rules->argv, pairs[i].option, is_switch ? NULL : value);
            report_translated(rules, arg, added->word);
        }
        qemu_keyval_remove(arg->settings, pairs[i].key);
    }
}

bool
qemu_rule_run_with(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    if (rules->release >= QEMU_RELEASE(9, 1)) /* the first with user= */
        return true;
    split_run_with(rules, arg);
    if (qemu_keyval_is_empty(arg->settings))
        qemu_argv_remove(rules->argv, arg);
    else if (!qemu_option_is_in(arg->option, rules->release))
        report_missing(rules, arg);
    return true;
}

bool
qemu_rule_versions(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *none G_GNUC_UNUSED,
                   GError **error G_GNUC_UNUSED)
{
    /* Backwards: an option is only ever taken from where it stands. */
    for (guint i = rules->argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        const Translation *translation;

        if (!arg->option || qemu_option_is_in(arg->option, rules->release) || qemu_arg_is(arg, "run-with"))
            continue;
        translation = find_translation(rules, arg);
        if (can_translate(translation, arg))
            translate(rules, arg, translation);
        else
            report_missing(rules, arg);
    }
    return true;
}

/*
 * Single settings that are gone, and whose neutral value can be left out: virtio-blk's scsi=off (gone
 * in 9.1), loaded= of secrets and credentials (9.2), opened= of rng-* (7.1).
 */
bool
qemu_rule_gone_settings(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    const char *type = qemu_keyval_get(arg->settings, qemu_arg_is(arg, "device") ? "driver" : "qom-type");
    bool removed = false;

    if (!type)
        return true;
    if (rules->release >= QEMU_RELEASE(9, 1) && g_str_has_prefix(type, "virtio-blk") &&
        qemu_keyval_get(arg->settings, "scsi") && !qemu_keyval_is_on(arg->settings, "scsi"))
        removed = qemu_keyval_remove(arg->settings, "scsi");
    if (rules->release >= QEMU_RELEASE(9, 2) &&
        (g_str_has_prefix(type, "secret") || g_str_has_prefix(type, "tls-creds-")))
        removed = qemu_keyval_remove(arg->settings, "loaded");
    if (rules->release >= QEMU_RELEASE(7, 1) && g_str_has_prefix(type, "rng-"))
        removed = qemu_keyval_remove(arg->settings, "opened") || removed;
    if (removed)
        qemu_rules_report(rules, QEMU_FINDING_OK, rule, arg);
    return true;
}

/* "-smp 4,sockets=0": since 9.0 a part that is to be computed must be left out. */
bool
qemu_rule_smp(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    static const char *const parts[] = {"cpus", "maxcpus",  "drawers", "books", "sockets",
                                        "dies", "clusters", "modules", "cores", "threads"};
    bool removed = false;

    if (rules->release < QEMU_RELEASE(9, 0))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (g_strcmp0(qemu_keyval_get(arg->settings, parts[i]), "0") == 0)
            removed = qemu_keyval_remove(arg->settings, parts[i]) || removed;
    }
    if (removed)
        qemu_rules_report(rules, QEMU_FINDING_OK, rule, arg);
    if (qemu_keyval_is_empty(arg->settings))
        qemu_argv_remove(rules->argv, arg);
    return true;
}
