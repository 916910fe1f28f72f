/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of rules, and how it is applied: in its own order, each rule to every option of its name that the
 * operator gave. What no rule names is handed to QEMU to the letter.
 *
 * Invariants: a rule never looks at what a rule has appended; a rule that changes or takes away something an
 * operator can notice says so in a finding; what only stands in the way of an upgrade never stops a guest
 * from being started.
 */
#include "qemu/rules.h"

#include <string.h>

#include "qemu/argv-error.h"
#include "qmp/text.h"

/* clang-format off */
static const QemuRule table[] = {
    /* What we cannot work with at all */
    {"readconfig", QEMU_RULE_BOTH, qemu_rule_refuse, NULL,
     "settings in a file of QEMU's are not seen by moult, so that the next QEMU could not be given the same",
     "write them out on the command line"},
    {"incoming", QEMU_RULE_BOTH, qemu_rule_refuse, NULL,
     "moult itself tells a QEMU to wait for the state of another", "leave it out"},
    {"preconfig", QEMU_RULE_BOTH, qemu_rule_refuse, NULL,
     "the machine would be completed by monitor commands that the next QEMU does not get", "leave it out"},
    {"qtest qtest-log", QEMU_RULE_BOTH, qemu_rule_refuse, NULL,
     "QEMU's test harness drives the guest through a connection of its own", "leave it out"},
    {"dump-vmstate", QEMU_RULE_BOTH, qemu_rule_refuse, NULL,
     "it makes QEMU write a file and leave", "run QEMU itself for that"},
    {"object device chardev mon netdev", QEMU_RULE_BOTH, qemu_rule_our_ids, NULL,
     "ids that begin with “" QEMU_PLAN_OUR_PREFIX "” are those of moult's own monitors", "choose another id"},

    {NULL, QEMU_RULE_BOTH, qemu_rule_descriptors, "fd-argument",
     "QEMU is started without the descriptors it speaks of", "name the file or device by its path"},

    {"runas run-with", QEMU_RULE_BOTH, qemu_rule_run_as, NULL,
     "the user that QEMU changes to must be able to reach the folder of its instance", NULL},

    {NULL, QEMU_RULE_BOTH, qemu_rule_chroot, "chroot",
     "what it is given from then on it is given by descriptor", NULL},

    /* Options and settings that this QEMU does not have; others see what they were translated to */
    {NULL, QEMU_RULE_BOTH, qemu_rule_versions, NULL,
     "options come and go; a definition must work with the QEMU at hand", NULL},
    {"run-with", QEMU_RULE_BOTH, qemu_rule_run_with, NULL,
     "it came in parts: an older QEMU has some of them as options of their own, or not at all", NULL},
    {"device object", QEMU_RULE_BOTH, qemu_rule_gone_settings, "setting-gone",
     "a setting that is gone from this QEMU, and that had no effect as it was set, is left out", NULL},
    {"smp", QEMU_RULE_BOTH, qemu_rule_smp, "setting-gone",
     "this QEMU wants a part of the topology that it is to compute left out, not set to 0", NULL},

    /* The machine: other rules ask for its type */
    {NULL, QEMU_RULE_BOTH, qemu_rule_machine, NULL,
     "an alias such as q35 or pc is another machine on another QEMU, and the state fits one machine type only", NULL},
    {NULL, QEMU_RULE_BOTH, qemu_rule_target, "target-untested",
     "only x86 machines are known to leave the guest's memory alone when they start", NULL},
    {NULL, QEMU_RULE_BOTH, qemu_rule_confidential, "confidential-guest",
     "the guest's memory is encrypted for this one QEMU", NULL},
    {"cpu", QEMU_RULE_INCOMING, qemu_rule_cpu, "cpu-host",
     "what this CPU model has depends on the QEMU and the host; it is compared before the guest moves",
     "a named model is the same everywhere"},
    {"xen-domid xen-attach xen-domid-restrict", QEMU_RULE_BOTH, qemu_rule_hinder, "device-xen",
     "the guest belongs to a Xen host", NULL},

    /* What moult adds; before the memory, so that the monitors have the numbers 3 and 4 in every instance */
    {NULL, QEMU_RULE_BOTH, qemu_rule_monitors, "monitor-default",
     "QEMU's own default monitor is not opened: one monitor is the engine's, one is reserved for the operator",
     "connect to the operator's socket of the guest"},

    /* Memory: files of ours, shared, so that the next QEMU opens the same pages */
    {"object", QEMU_RULE_BOTH, qemu_rule_memory_backend, NULL,
     "memory must be shared and a named file to be handed over", NULL},
    {NULL, QEMU_RULE_BOTH, qemu_rule_memory_default, NULL,
     "a shared file of the same pages, which the next QEMU can open too", NULL},
    {"mem-prealloc", QEMU_RULE_INCOMING, qemu_rule_drop, "prealloc-dropped",
     "the memory is there already, and touching it would disturb the running guest", NULL},
    {NULL, QEMU_RULE_INCOMING, qemu_rule_memory_complete, NULL,
     "every memory backend of the running guest must have its counterpart", NULL},

    /* Devices */
    {"device", QEMU_RULE_BOTH, qemu_rule_device, NULL, "a device must be known to QEMU, and movable", NULL},
    {"object", QEMU_RULE_BOTH, qemu_rule_object, NULL, "an object must be known to QEMU, and movable", NULL},
    {"fsdev virtfs", QEMU_RULE_BOTH, qemu_rule_hinder, "device-9p",
     "a shared folder that is mounted in the guest cannot be handed over", "unmount and remove it before an upgrade"},
    {"tpmdev", QEMU_RULE_BOTH, qemu_rule_hinder, "device-tpm",
     "its state is with a TPM emulator or the host's TPM, which serve one QEMU at a time",
     "plan a restart of the guest"},
    {"drive blockdev", QEMU_RULE_BOTH, qemu_rule_disk, "disk-snapshot",
     "what the guest writes is in a temporary file that only the running QEMU has", "leave snapshot=on out"},
    {"snapshot", QEMU_RULE_BOTH, qemu_rule_hinder, "disk-snapshot",
     "what the guest writes is in temporary files that only the running QEMU has", "leave it out"},
    {NULL, QEMU_RULE_BOTH, qemu_rule_images, "disk-reopen",
     "auto-read-only=off, for in a chroot or as another user QEMU cannot open the image by its path again", NULL},
    {"netdev nic net", QEMU_RULE_BOTH, qemu_rule_network, NULL, "two QEMUs cannot hold one port or device", NULL},
    {"audio audiodev", QEMU_RULE_BOTH, qemu_rule_audio, "audio-wav",
     "the file would be emptied when a second QEMU opens it", "choose another driver"},

    /* Character devices. On the target nothing is emptied */
    {"chardev", QEMU_RULE_BOTH, qemu_rule_chardev, "chardev-append",
     "a second QEMU would empty the file: append=on (logappend=on)", NULL},
    {"serial parallel debugcon monitor qmp qmp-pretty", QEMU_RULE_BOTH, qemu_rule_chardev_text, "chardev-append",
     "a second QEMU would empty the file: written out with append=on", NULL},
    {NULL, QEMU_RULE_INCOMING, qemu_rule_standard, NULL,
     "where standard input and output lead belongs to who has started the guest", NULL},
    {NULL, QEMU_RULE_BOTH, qemu_rule_serial_none, "serial-none",
     "“-serial none” before another -serial means another machine since QEMU 9.0",
     "write the ports as -device isa-serial"},

    /* Displays */
    {"display", QEMU_RULE_BOTH, qemu_rule_display, NULL, "a window or a port belongs to one QEMU", NULL},
    {"vnc", QEMU_RULE_BOTH, qemu_rule_vnc, NULL, "a port belongs to one QEMU", NULL},
    {"spice", QEMU_RULE_BOTH, qemu_rule_spice, NULL, "a port or socket belongs to one QEMU", NULL},
    {NULL, QEMU_RULE_BOTH, qemu_rule_display_default, "display-none",
     "no display is asked for: without “-display none” QEMU would open a window or a VNC port", "name one: -display"},

    /* Who the guest is */
    {NULL, QEMU_RULE_BOTH, qemu_rule_uuid, NULL,
     "a guest's UUID must be the same in every instance", NULL},
    {NULL, QEMU_RULE_BOTH, qemu_rule_name, NULL,
     "the guest's name shows in the list of processes and in QEMU's messages", NULL},

    /* The process */
    {"daemonize", QEMU_RULE_BOTH, qemu_rule_drop, "daemonize-dropped",
     "the engine runs QEMU in the background and must be its parent", NULL},
    {"pidfile", QEMU_RULE_BOTH, qemu_rule_pidfile, "pidfile-kept",
     "QEMU locks its pidfile, so that a second QEMU of the same guest would not start: moult writes it", NULL},
    {"D", QEMU_RULE_INCOMING, qemu_rule_log, "log-dropped",
     "QEMU empties its log when it opens it, and the running QEMU still writes to it: the new one logs into the log "
     "of its instance", NULL},
    {"gdb s", QEMU_RULE_INCOMING, qemu_rule_drop_warn, "gdb-dropped",
     "the running QEMU holds the debugger's port", "open it again with the monitor command gdbserver"},
    {"icount", QEMU_RULE_BOTH, qemu_rule_replay, "replay",
     "a recorded run belongs to one QEMU from its start to its end", NULL},
    {"loadvm", QEMU_RULE_INCOMING, qemu_rule_drop, "loadvm-dropped",
     "the state comes from the running QEMU, not from a snapshot", NULL},
    {"S", QEMU_RULE_INCOMING, qemu_rule_drop, "stopped-dropped",
     "it was for the guest's first start; an upgrade leaves the guest as it was, running or paused", NULL},

    /* Last */
    {NULL, QEMU_RULE_INCOMING, qemu_rule_incoming, NULL,
     "the target waits until the engine tells it where the state comes from", NULL},
};
/* clang-format on */

bool
qemu_rules_is_incoming(const QemuRules *rules)
{
    return rules->context->role == QEMU_PLAN_INCOMING;
}

QemuFindingLevel
qemu_rules_hinders_upgrade(const QemuRules *rules)
{
    return qemu_rules_is_incoming(rules) ? QEMU_FINDING_BLOCK : QEMU_FINDING_WARN;
}

void
qemu_rules_find(QemuRules *rules, QemuFindingLevel level, const char *code, const char *hint,
                const char *reason_format, ...)
{
    g_autofree char *reason = NULL;
    g_autofree char *quoted = NULL;
    va_list arguments;

    va_start(arguments, reason_format);
    reason = g_strdup_vprintf(reason_format, arguments);
    va_end(arguments);
    quoted = qmp_text_quote(reason, QMP_TEXT_MESSAGE_MAX);
    qemu_findings_add(rules->plan->findings, level, code, hint, "%s", quoted);
}

void
qemu_rules_report(QemuRules *rules, QemuFindingLevel level, const QemuRule *rule, const QemuArg *arg)
{
    if (!arg)
        qemu_rules_find(rules, level, rule->code, rule->hint, "%s", rule->reason);
    else
        qemu_rules_find(rules, level, rule->code, rule->hint, "“%s%s%.100s”: %s", arg->word,
                        arg->value ? " " : "", arg->value ? arg->value : "", rule->reason);
}

void
qemu_rules_set_machine(QemuRules *rules, const char *key, const char *value)
{
    QemuArg *last = qemu_argv_find(rules->argv, "machine");
    g_autofree char *escaped = NULL;
    g_autofree char *text = NULL;

    if (last && last->added) {
        qemu_keyval_set_string(last->settings, key, value);
        return;
    }
    escaped = qemu_keyval_escape(value);
    text = g_strdup_printf("%s=%s", key, escaped);
    qemu_argv_append(rules->argv, "machine", text);
}

static bool
is_named_fd(const QemuRules *rules, int number)
{
    for (guint i = 0; i < rules->named_fds->len; i++)
        if (g_array_index(rules->named_fds, int, i) == number)
            return true;
    return false;
}

int
qemu_rules_add_fd(QemuRules *rules, QemuPlanFdKind kind, unsigned index)
{
    while (is_named_fd(rules, rules->next_fd_number))
        rules->next_fd_number++;
    QemuPlanFd fd = {.kind = kind, .number = rules->next_fd_number++, .index = index};

    g_array_append_val(rules->plan->fds, fd);
    return fd.number;
}

void
qemu_rules_hand_over_as(QemuRules *rules, QemuPlanFdKind kind, int source_number, int number)
{
    QemuPlanFd fd = {.kind = kind, .number = number, .index = (unsigned)source_number};

    for (guint i = 0; i < rules->plan->fds->len; i++) {
        if (g_array_index(rules->plan->fds, QemuPlanFd, i).number == number) {
            g_array_index(rules->plan->fds, QemuPlanFd, i) = fd;
            return;
        }
    }
    g_array_append_val(rules->plan->fds, fd);
}

bool
qemu_rule_drop(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    qemu_rules_report(rules, QEMU_FINDING_OK, rule, arg);
    qemu_argv_remove(rules->argv, arg);
    return true;
}

bool
qemu_rule_drop_warn(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    qemu_rules_report(rules, QEMU_FINDING_WARN, rule, arg);
    qemu_argv_remove(rules->argv, arg);
    return true;
}

bool
qemu_rule_warn(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    qemu_rules_report(rules, QEMU_FINDING_WARN, rule, arg);
    return true;
}

bool
qemu_rule_block(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    qemu_rules_report(rules, QEMU_FINDING_BLOCK, rule, arg);
    return true;
}

bool
qemu_rule_hinder(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error G_GNUC_UNUSED)
{
    qemu_rules_report(rules, qemu_rules_hinders_upgrade(rules), rule, arg);
    return true;
}

bool
qemu_rule_refuse(QemuRules *rules G_GNUC_UNUSED, const QemuRule *rule, QemuArg *arg, GError **error)
{
    return qemu_argv_fail(error, QEMU_PLAN_ERROR_REFUSED, "“%s%s%.100s” cannot be used: %s%s%s", arg->word,
                          arg->value ? " " : "", arg->value ? arg->value : "", rule->reason,
                          rule->hint ? ": " : "", rule->hint ? rule->hint : "");
}

/* NAME is one of the words of NAMES. */
static bool
is_one_of(const char *names, const char *name)
{
    size_t length = strlen(name);

    for (const char *p = names; (p = strstr(p, name)); p += length) {
        if ((p == names || p[-1] == ' ') && (p[length] == '\0' || p[length] == ' '))
            return true;
    }
    return false;
}

static bool
apply_to_options(QemuRules *rules, const QemuRule *rule, GError **error)
{
    /* A copy of the pointers: a rule removes or replaces the option it is given, and only that. */
    g_autoptr(GPtrArray) args = g_ptr_array_sized_new(rules->argv->args->len);

    for (guint i = 0; i < rules->argv->args->len; i++)
        g_ptr_array_add(args, g_ptr_array_index(rules->argv->args, i));
    for (guint i = 0; i < args->len; i++) {
        QemuArg *arg = g_ptr_array_index(args, i);
        if (!arg->added && arg->option && is_one_of(rule->options, arg->option->canonical) &&
            !rule->apply(rules, rule, arg, error))
            return false;
    }
    return true;
}

bool
qemu_rules_apply(QemuRules *rules, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const QemuRule *rule = &table[i];
        if (!(rule->roles & (1U << rules->context->role)))
            continue;
        if (!(rule->options ? apply_to_options(rules, rule, error) : rule->apply(rules, rule, NULL, error)))
            return false;
    }
    return true;
}
