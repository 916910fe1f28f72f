/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices: -chardev, and the shorthands of -serial, -parallel, -debugcon, -monitor and -qmp, which
 * are written out as -chardev where something in them has to change. A file is emptied when a second QEMU
 * opens it, unless append=on; sockets are handed over (rules-chardev-socket.c).
 */
#include "qemu/chardev-text.h"
#include "qemu/rules.h"

#include <string.h>

typedef struct {
    const char *backend;
    QemuFindingLevel level; /* for an upgrade */
    const char *code;
    const char *hint;
    const char *reason;
} Judgement;

static const char elsewhere[] = "use a file, a ring buffer, stdio or a socket";

static const Judgement judgements[] = {
    {"serial", QEMU_FINDING_BLOCK, "chardev-device", elsewhere,
     "a device of the host is open in the running QEMU"},
    {"tty", QEMU_FINDING_BLOCK, "chardev-device", elsewhere,
     "a device of the host is open in the running QEMU"},
    {"parallel", QEMU_FINDING_BLOCK, "chardev-device", elsewhere,
     "a device of the host is open in the running QEMU"},
    {"parport", QEMU_FINDING_BLOCK, "chardev-device", elsewhere,
     "a device of the host is open in the running QEMU"},
    {"braille", QEMU_FINDING_BLOCK, "chardev-device", elsewhere,
     "a device of the host is open in the running QEMU"},
    {"qemu-vdagent", QEMU_FINDING_BLOCK, "chardev-vdagent", "leave it out",
     "QEMU cannot hand over its state"},
    {"spicevmc", QEMU_FINDING_OK, "chardev-spice", NULL, "whoever speaks through it connects to SPICE again"},
    {"spiceport", QEMU_FINDING_OK, "chardev-spice", NULL, "whoever speaks through it connects to SPICE again"},
    {"dbus", QEMU_FINDING_BLOCK, "chardev-dbus", elsewhere, "the running QEMU holds the name on the bus"},
    {"pipe", QEMU_FINDING_WARN, "chardev-pipe", NULL,
     "what is written to the pipe while the new QEMU starts may reach either of the two"},
    {"ringbuf", QEMU_FINDING_WARN, "chardev-ringbuf", "read it with ringbuf-read before the upgrade",
     "what the buffer holds ends with the old QEMU"},
    {"memory", QEMU_FINDING_WARN, "chardev-ringbuf", "read it with ringbuf-read before the upgrade",
     "what the buffer holds ends with the old QEMU"},
};
/* "pty:LINK", from 10.1 on. */
static const Judgement linked = {"pty", QEMU_FINDING_BLOCK, "chardev-pty", elsewhere,
                                 "QEMU would make the link to its terminal a second time"};
static const Judgement udp = {"udp", QEMU_FINDING_BLOCK, "chardev-udp", elsewhere,
                              "the running QEMU holds the port"};

static void
report(QemuRules *rules, const QemuArg *arg, const Judgement *judgement)
{
    QemuFindingLevel level =
        judgement->level == QEMU_FINDING_BLOCK ? qemu_rules_hinders_upgrade(rules) : judgement->level;

    /* A start is not bothered with what an upgrade only mentions. */
    if (judgement->level == QEMU_FINDING_BLOCK || qemu_rules_is_incoming(rules))
        qemu_rules_find(rules, level, judgement->code, judgement->hint, "“%s %.100s”: %s", arg->word,
                        arg->value, judgement->reason);
}

static void
judge(QemuRules *rules, const QemuArg *arg, const QemuKeyval *settings)
{
    const char *backend = qemu_keyval_get(settings, "backend");

    if (backend && strcmp(backend, "udp") == 0 && qemu_keyval_get(settings, "localport"))
        report(rules, arg, &udp);
    for (size_t i = 0; backend && i < G_N_ELEMENTS(judgements); i++) {
        if (strcmp(judgements[i].backend, backend) == 0)
            report(rules, arg, &judgements[i]);
    }
}

/* What must not be emptied is opened for appending. */
static bool
append_instead(QemuRules *rules, const QemuRule *rule, const QemuArg *arg, QemuKeyval *settings)
{
    const char *backend = qemu_keyval_get(settings, "backend");
    bool changed = false;

    if (backend && strcmp(backend, "file") == 0 && !qemu_keyval_is_on(settings, "append")) {
        qemu_keyval_set_switch(settings, "append", true);
        changed = true;
    }
    if (qemu_keyval_get(settings, "logfile") && !qemu_keyval_is_on(settings, "logappend")) {
        qemu_keyval_set_switch(settings, "logappend", true);
        changed = true;
    }
    if (changed)
        qemu_rules_report(rules, QEMU_FINDING_OK, rule, arg);
    return changed;
}

/* TRUE when SETTINGS had to be changed for the target. */
static bool
carry(QemuRules *rules, const QemuRule *rule, const QemuArg *arg, QemuKeyval *settings, bool is_monitor, bool is_multiplexed)
{
    const char *backend = qemu_keyval_get(settings, "backend");
    bool is_incoming = qemu_rules_is_incoming(rules);

    judge(rules, arg, settings);
    bool changed = is_incoming && append_instead(rules, rule, arg, settings);
    if (backend && strcmp(backend, "pty") == 0)
        changed = qemu_rules_carry_pty(rules, arg, settings, is_multiplexed) || changed;
    else if (is_incoming && backend && strcmp(backend, "socket") == 0)
        changed = qemu_rules_carry_socket(rules, arg, settings, is_monitor) || changed;
    return changed;
}

static const char *const monitor_options[] = {"monitor", "qmp", "qmp-pretty", NULL};

/* TRUE when a monitor speaks through the chardev ID. */
static bool
has_monitor(const QemuRules *rules, const char *id)
{
    g_autofree char *reference = g_strconcat("chardev:", id, NULL);

    if (qemu_argv_find_with(rules->argv, "mon", "chardev", id))
        return true;
    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        if (arg->option && g_strv_contains(monitor_options, arg->option->canonical) &&
            strcmp(arg->value, reference) == 0)
            return true;
    }
    return false;
}

bool
qemu_rule_chardev(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    const char *id = qemu_keyval_get(arg->settings, "id");

    carry(rules, rule, arg, arg->settings, id && has_monitor(rules, id), qemu_keyval_is_on(arg->settings, "mux"));
    return true;
}

/* TRUE when QEMU counts this option on its way to the label of a later one. */
static bool
takes_a_number(const QemuRules *rules, const QemuArg *arg)
{
    if (qemu_arg_is(arg, "monitor"))
        return !g_str_has_prefix(arg->value, "none");
    /* Since 9.0 "-serial none" leaves its number free. */
    if (qemu_arg_is(arg, "serial"))
        return strcmp(arg->value, "none") != 0 || rules->release >= QEMU_RELEASE(9, 0);
    return strcmp(arg->value, "none") != 0;
}

/*
 * The label that QEMU gives the chardev of the N-th option of this name: "serial0", "parallel0",
 * "compat_monitor0". The same on the written-out chardev keeps it findable, and cannot clash. Owned.
 */
static char *
dup_label(const QemuRules *rules, const QemuArg *arg)
{
    bool is_monitor = g_strv_contains(monitor_options, arg->option->canonical);
    unsigned index = 0;

    if (qemu_arg_is(arg, "debugcon"))
        return g_strdup("debugcon");
    for (guint i = 0; rules->argv->args->pdata[i] != arg; i++) {
        const QemuArg *before = rules->argv->args->pdata[i];
        if (!before->option || before->added || !before->value || before->settings ||
            !takes_a_number(rules, before))
            continue;
        index += is_monitor ? g_strv_contains(monitor_options, before->option->canonical)
                            : strcmp(before->option->canonical, arg->option->canonical) == 0;
    }
    return g_strdup_printf("%s%u", is_monitor ? "compat_monitor" : arg->option->canonical, index);
}

/* The chardev with its settings as an option of its own, and a reference to it in place of ARG. */
static void
write_out(QemuRules *rules, QemuArg *arg, const QemuKeyval *settings, const char *label, bool with_monitor)
{
    g_autofree char *chardev = qemu_keyval_format(settings);
    g_autofree char *reference = g_strconcat("chardev:", label, NULL);
    g_autofree char *option = g_strdup(arg->option->name);
    g_autofree char *mon = g_strdup_printf("chardev=%s,mode=readline", label);

    qemu_argv_append(rules->argv, "chardev", chardev);
    if (with_monitor)
        qemu_argv_append(rules->argv, "mon", mon);
    qemu_argv_replace(rules->argv, arg, option, reference);
}

/* "udp:host:port@localhost:localport": without the second part any free port is taken. */
static void
judge_unexpanded(QemuRules *rules, const QemuArg *arg)
{
    const char *text = g_str_has_prefix(arg->value, "mon:") ? arg->value + strlen("mon:") : arg->value;

    if (g_str_has_prefix(text, "udp:") && strchr(text, '@'))
        report(rules, arg, &udp);
    else if (g_str_has_prefix(text, "pty:"))
        report(rules, arg, &linked);
    else if (g_str_has_prefix(text, "COM"))
        report(rules, arg, &judgements[0]);
}

bool
qemu_rule_chardev_text(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    bool is_monitor = g_strv_contains(monitor_options, arg->option->canonical);
    bool with_monitor = false;
    g_autofree char *label = dup_label(rules, arg);
    g_autoptr(QemuKeyval) settings = qemu_chardev_text_expand(arg->value, label, &with_monitor);
    bool changed;

    if (!settings) {
        judge_unexpanded(rules, arg);
        return true;
    }
    changed = carry(rules, rule, arg, settings, is_monitor || with_monitor, with_monitor);
    /*
     * QEMU counts monitors on shorthands alone ("compat_monitor0"): were only some written out under the
     * names they had, the others would get those names once more.
     */
    if (changed || (is_monitor && qemu_rules_is_incoming(rules)))
        write_out(rules, arg, settings, label, with_monitor);
    return true;
}

/* Since 9.0 "-serial none" is a port that is not there; before, it was nothing, and the next took its place.
 */
bool
qemu_rule_serial_none(QemuRules *rules, const QemuRule *rule, QemuArg *none, GError **error)
{
    bool after_none = false;

    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        if (!qemu_arg_is(arg, "serial"))
            continue;
        if (strcmp(arg->value, "none") == 0)
            after_none = true;
        else if (after_none)
            return qemu_rule_hinder(rules, rule, none, error);
    }
    return true;
}

/* Audio to a file, which is emptied when a second QEMU opens it. */
bool
qemu_rule_audio(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error)
{
    if (g_strcmp0(qemu_keyval_get(arg->settings, "driver"), "wav") != 0)
        return true;
    return qemu_rule_hinder(rules, rule, arg, error);
}
