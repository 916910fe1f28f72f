/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/rules.h"

#include <string.h>

#include "qemu/argv-error.h"
#include "qemu/quirks.h"

/* The machine type that this instance must have, as QEMU would be given it; NULL: QEMU's default. */
static const char *
get_wanted_type(const QemuRules *rules)
{
    if (qemu_rules_is_incoming(rules))
        return rules->context->machine_type;
    return qemu_argv_get_merged(rules->argv, "machine", "type");
}

static void
report_unknown(QemuRules *rules, const char *wanted)
{
    const QemuBinary *binary = rules->context->binary;
    const char *hint =
        qemu_rules_is_incoming(rules)
            ? "choose a QEMU that still has this machine type; “-machine help” lists a binary's types"
            : "“-machine help” lists the machine types of a QEMU";

    qemu_rules_find(rules, QEMU_FINDING_BLOCK, "machine-unknown", hint,
                    "QEMU %s (%s) has no machine type “%.100s”", binary->version_text, binary->path, wanted);
}

static bool
takes_switchover(const QemuVersion *version)
{
    return !qemu_quirk_find(QEMU_QUIRK_SWITCHOVER_UNKNOWN, version, QEMU_ACCELERATOR_UNKNOWN);
}

/* Of these there is one in each QEMU, as it is there: no older one is kept, whose state the next QEMU would take. */
static void
look_at_version(QemuRules *rules, const QmpMachine *machine)
{
    static const char *const without_versions[] = {"isapc", "microvm", "x-remote", NULL};
    const QemuPlanContext *context = rules->context;
    const QemuVersion *running = &context->running, *target = &context->binary->version;

    if (!qemu_rules_is_incoming(rules) || !g_strv_contains(without_versions, machine->name) ||
        (running->major == target->major && running->minor == target->minor))
        return;
    if (takes_switchover(running) && !takes_switchover(target))
        qemu_rules_find(rules, QEMU_FINDING_BLOCK, "machine-unversioned", "choose QEMU 10.0 or newer",
                        "machine type %s has no versions: QEMU %s does not understand its state as the running QEMU sends it",
                        machine->name, context->binary->version_text);
    else
        qemu_rules_find(rules, QEMU_FINDING_WARN, "machine-unversioned", "pc and q35 have versions",
                        "machine type %s has no versions, and QEMU %s may refuse its state: then the guest goes on where it is",
                        machine->name, context->binary->version_text);
}

bool
qemu_rule_machine(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg G_GNUC_UNUSED,
                  GError **error)
{
    const QemuBinary *binary = rules->context->binary;
    const char *given = qemu_argv_get_merged(rules->argv, "machine", "type");
    const char *wanted = get_wanted_type(rules);
    const QmpMachine *machine = qemu_binary_find_machine(binary, wanted);

    if (!machine && !wanted)
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS,
                              "no machine type is given and %s has no default one: add “-machine TYPE”",
                              binary->path);
    rules->machine = machine;
    rules->plan->machine_type = g_strdup(machine ? machine->name : wanted);
    if (!machine)
        report_unknown(rules, wanted);
    else if (machine->deprecated)
        qemu_rules_find(rules, QEMU_FINDING_WARN, "machine-deprecated",
                        "plan a restart of the guest with a newer machine type",
                        "machine type %s is deprecated in QEMU %s and will be gone from a later one",
                        machine->name, binary->version_text);
    else
        qemu_rules_find(rules, QEMU_FINDING_OK, "machine-known", NULL, "QEMU %s has machine type %s",
                        binary->version_text, machine->name);
    if (machine)
        look_at_version(rules, machine);
    if (g_strcmp0(given, rules->plan->machine_type) != 0)
        qemu_rules_set_machine(rules, "type", rules->plan->machine_type);
    return true;
}
