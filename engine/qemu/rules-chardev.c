/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices: -chardev, and the shorthands of -serial, -parallel, -debugcon, -monitor and -qmp
 * (chardev/char.c:qemu_chr_parse_compat()). A file is emptied when a second QEMU opens it, unless append=on;
 * a listener's name would be taken from the running QEMU; a client would connect a second time.
 */
#include "qemu/rules.h"

#include <string.h>

typedef struct {
    const char *code;
    const char *hint;
    const char *reason;
} Judgement;

static const Judgement listener = {
    "chardev-listener",
    "for monitors there is the operator's own; for the rest use a file, a ring buffer or stdio",
    "the running QEMU holds the socket"};
static const Judgement client = {"chardev-client", "use a file, a ring buffer or stdio",
                                 "the other side would see a second connection beside the running QEMU's"};
static const Judgement pty = {"chardev-pty", "use a file, a ring buffer or stdio",
                              "the terminal belongs to the running QEMU; a second one would get another"};
static const Judgement fifo = {"chardev-pipe", "use a file, a ring buffer or stdio",
                               "two QEMUs would read from one pipe"};
static const Judgement host_device = {"chardev-device", "use a file, a ring buffer or stdio",
                                      "a device of the host is open in the running QEMU"};
static const Judgement agent = {"chardev-vdagent", "leave it out", "QEMU cannot hand over its state"};

static void
report(QemuRules *rules, const QemuArg *arg, const Judgement *judgement)
{
    if (judgement)
        qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), judgement->code, judgement->hint,
                        "“%s %.100s”: %s", arg->word, arg->value, judgement->reason);
}

/* NULL: may be opened twice. */
static const Judgement *
judge_settings(const QemuKeyval *settings)
{
    static const struct {
        const char *backend;
        const Judgement *judgement;
    } simple[] = {
        {"pty", &pty},
        {"pipe", &fifo},
        {"serial", &host_device},
        {"tty", &host_device},
        {"parallel", &host_device},
        {"parport", &host_device},
        {"braille", &host_device},
        {"qemu-vdagent", &agent},
    };
    const char *backend = qemu_keyval_get(settings, "backend");

    if (!backend)
        return NULL;
    if (strcmp(backend, "socket") == 0)
        return qemu_keyval_is_on(settings, "server") ? &listener : &client;
    if (strcmp(backend, "udp") == 0)
        return qemu_keyval_get(settings, "localport") ? &listener : NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(simple); i++) {
        if (strcmp(simple[i].backend, backend) == 0)
            return simple[i].judgement;
    }
    return NULL;
}

/* What must not be emptied is opened for appending. */
static void
append_instead(QemuRules *rules, const QemuRule *rule, QemuArg *arg)
{
    const char *backend = qemu_keyval_get(arg->settings, "backend");
    bool changed = false;

    if (backend && strcmp(backend, "file") == 0 && !qemu_keyval_is_on(arg->settings, "append")) {
        qemu_keyval_set_switch(arg->settings, "append", true);
        changed = true;
    }
    if (qemu_keyval_get(arg->settings, "logfile") && !qemu_keyval_is_on(arg->settings, "logappend")) {
        qemu_keyval_set_switch(arg->settings, "logappend", true);
        changed = true;
    }
    if (changed)
        qemu_rules_report(rules, QEMU_FINDING_OK, rule, arg);
}

bool
qemu_rule_chardev(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    report(rules, arg, judge_settings(arg->settings));
    if (qemu_rules_is_incoming(rules))
        append_instead(rules, rule, arg);
    return true;
}

/* "tcp:host:port,server=on", "unix:path,server": flags after the address, as in QemuOpts. */
static const Judgement *
judge_socket_text(const char *text)
{
    static const QemuOption form = {"serial", "serial", QEMU_SYNTAX_OPTS, "address", 0, 0};
    g_autoptr(QemuKeyval) settings = qemu_keyval_parse(&form, text, NULL);

    return settings && qemu_keyval_is_on(settings, "server") ? &listener : &client;
}

static const Judgement *
judge_text(const char *text)
{
    static const char *const sockets[] = {"tcp:", "telnet:", "tn3270:", "websocket:", "unix:"};
    static const char *const devices[] = {"/dev/", "COM", "braille"};

    if (g_str_has_prefix(text, "mon:"))
        text += strlen("mon:");
    for (size_t i = 0; i < G_N_ELEMENTS(sockets); i++) {
        if (g_str_has_prefix(text, sockets[i]))
            return judge_socket_text(text);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        if (g_str_has_prefix(text, devices[i]))
            return &host_device;
    }
    if (strcmp(text, "pty") == 0 || g_str_has_prefix(text, "pty:"))
        return &pty;
    if (g_str_has_prefix(text, "pipe:"))
        return &fifo;
    /* "udp:host:port@localhost:localport": without the second part any free port is taken. */
    if (g_str_has_prefix(text, "udp:"))
        return strchr(text, '@') ? &listener : NULL;
    return NULL;
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
    static const char *const monitors[] = {"monitor", "qmp", "qmp-pretty", NULL};
    bool is_monitor = g_strv_contains(monitors, arg->option->canonical);
    unsigned index = 0;

    if (qemu_arg_is(arg, "debugcon"))
        return g_strdup("debugcon");
    for (guint i = 0; rules->argv->args->pdata[i] != arg; i++) {
        const QemuArg *before = rules->argv->args->pdata[i];
        if (!before->option || before->added || !before->value || before->settings ||
            !takes_a_number(rules, before))
            continue;
        index += is_monitor ? g_strv_contains(monitors, before->option->canonical)
                            : strcmp(before->option->canonical, arg->option->canonical) == 0;
    }
    return g_strdup_printf("%s%u", is_monitor ? "compat_monitor" : arg->option->canonical, index);
}

/*
 * "-serial file:PATH" has no room for append=on: the same chardev written out, under the label that QEMU gave
 * it, and a reference to it in place of ARG.
 */
static void
write_out_file(QemuRules *rules, const QemuRule *rule, QemuArg *arg)
{
    g_autofree char *label = dup_label(rules, arg);
    g_autofree char *path = qemu_keyval_escape(arg->value + strlen("file:"));
    g_autofree char *chardev = g_strdup_printf("file,id=%s,path=%s,append=on", label, path);
    g_autofree char *reference = g_strconcat("chardev:", label, NULL);
    g_autofree char *option = g_strdup(arg->option->name);

    qemu_rules_report(rules, QEMU_FINDING_OK, rule, arg);
    qemu_argv_append(rules->argv, "chardev", chardev);
    qemu_argv_replace(rules->argv, arg, option, reference);
}

bool
qemu_rule_chardev_text(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    static const Judgement mux_file = {"chardev-file", "write it as -chardev file,…,append=on",
                                       "the file would be emptied when a second QEMU opens it"};

    report(rules, arg, judge_text(arg->value));
    if (g_str_has_prefix(arg->value, "mon:file:"))
        report(rules, arg, &mux_file);
    else if (g_str_has_prefix(arg->value, "file:") && qemu_rules_is_incoming(rules))
        write_out_file(rules, rule, arg);
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
