/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices and objects: is the type known to the binary, and does it survive a hand-over? What is listed here
 * would either refuse to be migrated (unmigratable or a migration blocker in QEMU's source, 7.2 and 10.0), or
 * holds something outside of QEMU that two processes cannot both hold.
 */
#include "qemu/rules.h"

#include <string.h>

#include "qemu/quirks.h"

typedef struct {
    const char *pattern; /* type name; GLib glob */
    const char *code;
    const char *reason;
} Hindrance;

/* The first match counts. */
static const Hindrance device_hindrances[] = {
    {"vfio-*", "device-vfio", "a device of the host is bound to the running QEMU"},
    {"vhost-user-*", "device-vhost-user", "its other half is a process that talks to one QEMU at a time"},
    {"vhost-vdpa-*", "device-vhost-vdpa", "a device of the host is bound to the running QEMU"},
    {"vhost-*", "device-vhost", "the kernel serves it for one QEMU at a time"},
    {"ivshmem-*", "device-ivshmem", "memory shared with other guests is not part of the hand-over"},
    {"tpm-*", "device-tpm",
     "its state is with a TPM emulator or the host's TPM, which serve one QEMU at a time"},
    {"virtio-9p*", "device-9p", "a shared folder that is mounted in the guest cannot be handed over"},
    {"usb-host", "device-usb-host", "a USB device of the host is claimed by the running QEMU"},
    {"usb-mtp", "device-unmigratable", "QEMU cannot hand over its state"},
    {"usb-net", "device-unmigratable", "QEMU cannot hand over its state"},
    {"usb-audio", "device-unmigratable", "QEMU cannot hand over its state"},
    {"usb-serial", "device-unmigratable", "QEMU cannot hand over its state"},
    {"usb-braille", "device-unmigratable", "QEMU cannot hand over its state"},
    {"usb-uas", "device-unmigratable", "QEMU cannot hand over its state"},
    {"usb-wacom-tablet", "device-unmigratable", "QEMU cannot hand over its state"},
    {"nvme", "device-nvme", "QEMU cannot hand over the state of its NVMe controller"},
    {"nvme-subsys", "device-nvme", "QEMU cannot hand over the state of its NVMe controller"},
    {"ufs", "device-unmigratable", "QEMU cannot hand over its state"},
    {"rocker", "device-unmigratable", "QEMU cannot hand over its state"},
    {"amd-iommu", "device-unmigratable", "QEMU cannot hand over its state"},
    {"hv-syndbg", "device-unmigratable", "QEMU cannot hand over its state"},
    {"virtio-crypto*", "device-unmigratable", "QEMU cannot hand over its state"},
    {"virtio-sound*", "device-unmigratable", "QEMU cannot hand over its state"},
    {"virtio-input-host*", "device-input-host", "an input device of the host is grabbed by the running QEMU"},
    {"virtio-*-gl*", "device-gpu-gl", "what the guest has drawn with the host's GPU cannot be handed over"},
    {"virtio-*-rutabaga*", "device-gpu-gl",
     "what the guest has drawn with the host's GPU cannot be handed over"},
    {"xen-*", "device-xen", "it is bound to a Xen host"},
};

static const Hindrance object_hindrances[] = {
    {"sev-*", "confidential-guest", "the guest's memory is encrypted for this one QEMU"},
    {"tdx-guest", "confidential-guest", "the guest's memory is encrypted for this one QEMU"},
    {"memory-backend-epc", "memory-epc", "enclave memory cannot be handed over"},
    {"input-linux", "device-input-host", "an input device of the host is grabbed by the running QEMU"},
    {"cryptodev-vhost-user", "device-vhost-user",
     "its other half is a process that talks to one QEMU at a time"},
    {"*vfio-user-server", "object-remote", "a device is served to another process"},
    {"x-remote-object", "object-remote", "a device is served to another process"},
    {"dbus-vmstate", "object-dbus-vmstate", "processes outside of QEMU would have to hand over state too"},
    {"filter-dump", "net-filter-dump", "the file of captured packets is emptied when a second QEMU opens it"},
};

/* system/qdev-monitor.c:qdev_alias_table; the virtio ones go by the machine's bus. */
static const struct {
    const char *alias, *type;
} aliases[] = {
    {"ac97", "AC97"},      {"e1000-82540em", "e1000"}, {"es1370", "ES1370"},
    {"ahci", "ich9-ahci"}, {"lsi", "lsi53c895a"},
};

static bool
is_known_device(const GHashTable *types, const char *type)
{
    static const char *const buses[] = {"-pci", "-device", "-ccw"};

    if (g_hash_table_contains((GHashTable *)types, type))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (strcmp(aliases[i].alias, type) == 0)
            return g_hash_table_contains((GHashTable *)types, aliases[i].type);
    }
    for (size_t i = 0; g_str_has_prefix(type, "virtio-") && i < G_N_ELEMENTS(buses); i++) {
        g_autofree char *full = g_strconcat(type, buses[i], NULL);
        if (g_hash_table_contains((GHashTable *)types, full))
            return true;
    }
    return false;
}

static void
report_hindrance(QemuRules *rules, const Hindrance *hindrances, size_t count, const QemuArg *arg,
                 const char *type)
{
    for (size_t i = 0; i < count; i++) {
        if (!g_pattern_match_simple(hindrances[i].pattern, type))
            continue;
        qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), hindrances[i].code,
                        "remove the device before an upgrade, or plan a restart of the guest",
                        "“%s %.100s”: %s", arg->word, type, hindrances[i].reason);
        return;
    }
}

static void
report_unknown(QemuRules *rules, const char *code, const char *what, const char *type)
{
    qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), code,
                    "choose a QEMU that has it; its package may come in several parts",
                    "QEMU %s (%s) has no %s “%.100s”", rules->context->binary->version_text,
                    rules->context->binary->path, what, type);
}

/*
 * virtio-mem empties its memory when it is created; only since 8.1 not when it waits for a migration
 * (hw/virtio/virtio-mem.c:virtio_mem_device_realize()). With shared memory it would be the running guest's.
 */
static void
look_at_virtio_mem(QemuRules *rules, const QemuArg *arg, const char *type)
{
    if (!g_str_has_prefix(type, "virtio-mem") || !qemu_rules_is_incoming(rules) ||
        rules->release >= QEMU_RELEASE(8, 1))
        return;
    qemu_rules_find(rules, QEMU_FINDING_BLOCK, "device-virtio-mem", "choose QEMU 8.1 or newer",
                    "“%s %.100s”: QEMU %s would empty the memory of the running guest when it starts",
                    arg->word, type, rules->context->binary->version_text);
}

static void
look_at_esp(QemuRules *rules, const QemuArg *arg, const char *type)
{
    static const QemuVersion understood = {10, 0, 0};
    const QemuVersion *running = &rules->context->running, *target = &rules->context->binary->version;

    if ((strcmp(type, "am53c974") != 0 && strcmp(type, "dc390") != 0) || !qemu_rules_is_incoming(rules) ||
        (running->major == target->major && running->minor == target->minor) ||
        qemu_version_compare(running, &understood) >= 0 ||
        !qemu_quirk_find(QEMU_QUIRK_ESP_STATE_MISREAD, target, QEMU_ACCELERATOR_UNKNOWN))
        return;
    qemu_rules_find(rules, QEMU_FINDING_BLOCK, "device-state", "choose one of the running QEMU's release, or plan a restart of the guest",
                    "“%s %.100s”: QEMU %s does not understand the state of the running QEMU's", arg->word, type,
                    rules->context->binary->version_text);
}

/* "-device loader,addr=,data=": written at every reset, also at that of a target's start. Files are not. */
static void
look_at_loader(QemuRules *rules, const QemuArg *arg, const char *type)
{
    if (strcmp(type, "loader") == 0 && !qemu_keyval_get(arg->settings, "file"))
        qemu_findings_add(
            rules->plan->findings, qemu_rules_hinders_upgrade(rules), "device-loader",
            "plan a restart of the guest without it",
            "“%s %.100s”: a QEMU that starts would write the data into the running guest's memory", arg->word,
            type);
}

bool
qemu_rule_device(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg,
                 GError **error G_GNUC_UNUSED)
{
    const char *type = qemu_keyval_get(arg->settings, "driver");
    const GHashTable *known = rules->context->binary->device_types;

    if (!type)
        return true;
    if (known && !is_known_device(known, type))
        report_unknown(rules, "device-unknown", "device", type);
    report_hindrance(rules, device_hindrances, G_N_ELEMENTS(device_hindrances), arg, type);
    look_at_virtio_mem(rules, arg, type);
    look_at_esp(rules, arg, type);
    look_at_loader(rules, arg, type);
    return true;
}

bool
qemu_rule_object(QemuRules *rules, const QemuRule *rule G_GNUC_UNUSED, QemuArg *arg,
                 GError **error G_GNUC_UNUSED)
{
    const char *type = qemu_keyval_get(arg->settings, "qom-type");
    GHashTable *known = rules->context->binary->object_types;

    if (!type)
        return true;
    if (known && !g_hash_table_contains(known, type))
        report_unknown(rules, "object-unknown", "object", type);
    report_hindrance(rules, object_hindrances, G_N_ELEMENTS(object_hindrances), arg, type);
    return true;
}

bool
qemu_rule_confidential(QemuRules *rules, const QemuRule *rule, QemuArg *none, GError **error)
{
    if (!qemu_argv_get_merged(rules->argv, "machine", "confidential-guest-support"))
        return true;
    return qemu_rule_hinder(rules, rule, none, error);
}

bool
qemu_rule_target(QemuRules *rules, const QemuRule *rule, QemuArg *none, GError **error)
{
    static const char *const tested[] = {"x86_64", "i386", NULL};
    const char *target = rules->context->binary->target;

    return !target || g_strv_contains(tested, target) || qemu_rule_hinder(rules, rule, none, error);
}
