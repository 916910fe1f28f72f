/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/inspect.h"

#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

static void
add_unanswered(GPtrArray *findings, const char *what, const GError *error)
{
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "monitor", "see the guest's qemu.log", "%s: %s", what, error->message);
}

void
guest_inspect_state(const GuestInstance *source, const QmpWait *wait, bool *ret_running, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    QmpStatus status = {0};

    if (!qmp_query_status(source->monitor, wait, &status, &error)) {
        add_unanswered(findings, "query-status", error);
        return;
    }
    *ret_running = status.running;
    if (status.running || g_str_equal(status.status, "paused") || g_str_equal(status.status, "prelaunch"))
        qemu_findings_add(findings, QEMU_FINDING_OK, "guest-state", NULL, "the guest is %s", status.status);
    else if (g_str_equal(status.status, "postmigrate"))
        /* QEMU migrates it again only after it has run; `stop` does not change the label (measured: 7.2, 10.0). */
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "guest-state", "resume it (cont on its monitor), then upgrade it",
                          "the guest was paused when an upgrade was rolled back, and QEMU hands it over again only "
                          "once it has run");
    else
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "guest-state", "wait for it, or stop the guest",
                          "the guest is in state '%s', which cannot be handed over", status.status);
    qmp_status_clear(&status);
}

QemuAccelerator
guest_inspect_accelerator(const GuestInstance *source, const QmpWait *wait)
{
    bool is_kvm = false;

    if (!qmp_query_kvm(source->monitor, wait, &is_kvm, NULL))
        return QEMU_ACCELERATOR_UNKNOWN;
    /* Without KVM it is TCG, for all that moult runs on: Xen and qtest guests are refused. */
    return is_kvm ? QEMU_ACCELERATOR_KVM : QEMU_ACCELERATOR_TCG;
}

void
guest_inspect_migration(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    QmpMigrateInfo info = {0};

    if (!qmp_query_migrate(source->monitor, wait, &info, &error)) {
        add_unanswered(findings, "query-migrate", error);
        return;
    }
    for (char **reason = info.blocked_reasons; reason && *reason; reason++) {
        g_autofree char *quoted = qmp_text_quote(*reason, QMP_TEXT_MESSAGE_MAX);
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "migration-blocked", "remove the device it names, or stop the guest",
                          "QEMU refuses to migrate this guest: %s", quoted);
    }
    if (!qmp_migrate_info_is_idle(&info))
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "migration-running", "wait until it has ended",
                          "a migration of this guest is '%s' already", info.status);
    else if (!info.blocked_reasons || !*info.blocked_reasons)
        qemu_findings_add(findings, QEMU_FINDING_OK, "migration", NULL, "nothing in the guest blocks a migration");
    qmp_migrate_info_clear(&info);
}

void
guest_inspect_block_jobs(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) jobs = NULL;

    if (!qmp_client_call(source->monitor, "query-block-jobs", NULL, wait, &jobs, &error)) {
        add_unanswered(findings, "query-block-jobs", error);
        return;
    }
    size_t n = json_object_is_type(jobs, json_type_array) ? json_object_array_length(jobs) : 0;
    if (n > 0)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "block-job", "wait until the jobs have ended, or cancel them",
                          "%zu block jobs are running", n);
    else
        qemu_findings_add(findings, QEMU_FINDING_OK, "block-jobs", NULL, "no block job is running");
}

static guint
look_at_children(GHashTable *children, const QemuBinary *target, guint *n_unknown, GPtrArray *findings)
{
    GHashTableIter iter;
    gpointer name, property_type;
    guint n_devices = 0;

    g_hash_table_iter_init(&iter, children);
    while (g_hash_table_iter_next(&iter, &name, &property_type)) {
        g_autofree char *type = qmp_qom_dup_child_type(property_type);
        if (!type)
            continue;
        n_devices++;
        if (g_hash_table_contains(target->device_types, type))
            continue;
        (*n_unknown)++;
        g_autofree char *quoted_name = qmp_text_quote(name, 64);
        g_autofree char *quoted_type = qmp_text_quote(type, 64);
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "device-unknown", "choose a QEMU that has the device",
                          "device %s (%s) is not known to QEMU %s", quoted_name, quoted_type, target->version_text);
    }
    return n_devices;
}

void
guest_inspect_devices(const GuestInstance *source, const QemuBinary *target, const QmpWait *wait, GPtrArray *findings)
{
    static const char *const containers[] = {"/machine/peripheral", "/machine/peripheral-anon"};
    guint n_devices = 0, n_unknown = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(containers); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GHashTable) children = qmp_qom_list(source->monitor, containers[i], wait, &error);
        if (!children) {
            add_unanswered(findings, containers[i], error);
            return;
        }
        n_devices += look_at_children(children, target, &n_unknown, findings);
    }
    if (n_unknown == 0)
        qemu_findings_add(findings, QEMU_FINDING_OK, "devices", NULL, "QEMU %s knows all devices of the guest: %u",
                          target->version_text, n_devices);
}
