/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The preflight: one function a question. Each adds a finding whatever the answer, so that `check` shows what was
 * looked at, and goes on after a BLOCK, so that an operator sees all of them at once.
 */
#include "upgrade/preflight.h"

#include <string.h>
#include <sys/un.h>

#include "guest/chroot.h"
#include "guest/cpu-trial.h"
#include "guest/disk-trial.h"
#include "guest/error.h"
#include "guest/images.h"
#include "guest/inspect.h"
#include "guest/label.h"
#include "guest/nbd.h"
#include "guest/probe.h"
#include "guest/questions.h"
#include "guest/spawn.h"
#include "guest/start-files.h"
#include "guest/surroundings.h"
#include "guest/throttle.h"
#include "guest/vhost.h"
#include "paths/instance.h"
#include "process/proc.h"
#include "upgrade/threads.h"
#include "upgrade/timeouts.h"

/* What a second QEMU needs besides the guest's memory, with room to spare (measured: tests/bench). */
#define EXTRA_MEMORY_BYTES (256 * G_GUINT64_CONSTANT(1048576))

static void
look_at_binary(UpgradePreflight *preflight, const GuestEnvironment *environment, const char *path, const QmpWait *wait)
{
    g_autoptr(GError) error = NULL;
    QmpWait limit = qmp_wait_within(wait, UPGRADE_TIMEOUT_START_MS);

    preflight->binary = guest_probe_binary(environment, path, &limit, &error);
    if (preflight->binary)
        qemu_findings_add(preflight->findings, QEMU_FINDING_OK, "binary", NULL, "%s is QEMU %s and answers", path,
                          preflight->binary->version_text);
    else
        qemu_findings_add(preflight->findings, QEMU_FINDING_BLOCK, guest_error_get_code(error),
                          guest_error_get_hint(error), "%s", error->message);
}

static void
look_at_source(UpgradePreflight *preflight, const GuestEnvironment *environment, const GuestInstance *source,
               const QmpWait *wait)
{
    g_autoptr(GError) error = NULL;
    QmpWait limit = qmp_wait_within(wait, UPGRADE_TIMEOUT_COMMAND_MS);

    if (source->monitor)
        preflight->source_capabilities = qmp_query_migrate_capabilities(source->monitor, &limit, &error);
    if (!preflight->source_capabilities) {
        qemu_findings_add(preflight->findings, QEMU_FINDING_BLOCK, "monitor", "see moult show for its monitor socket",
                          "the running QEMU does not answer on its monitor: %s",
                          error ? error->message : "not connected");
        return;
    }
    guest_inspect_state(source, &limit, &preflight->source_is_running, preflight->findings);
    guest_inspect_migration(source, &limit, preflight->findings);
    guest_inspect_block_jobs(source, &limit, preflight->findings);
    preflight->present = guest_explain(environment, source, preflight->binary, &limit, preflight->findings);
    guest_throttle_look(source, &limit, preflight->findings);
    guest_nbd_look(source, &limit, preflight->findings);
    guest_images_look(source, &limit, preflight->findings);
    guest_chroot_look(source, preflight->findings);
    if (preflight->binary)
        guest_inspect_devices(source, preflight->binary, &limit, preflight->findings);
}

static void
look_at_plan(UpgradePreflight *preflight, const GuestEnvironment *environment, const GuestInstance *source)
{
    const GuestSpawnOptions options = {.stands_still = !preflight->source_is_running,
                                       .copies_memory = preflight->method && preflight->method->copies_memory,
                                       .present = preflight->present};
    g_autoptr(GError) error = NULL;

    preflight->plan = guest_spawn_plan(environment, source->definition, preflight->binary, source, 0, &options, &error);
    if (!preflight->plan) {
        qemu_findings_add(preflight->findings, QEMU_FINDING_BLOCK, guest_error_get_code(error),
                          guest_error_get_hint(error), "%s", error->message);
        return;
    }
    for (guint i = 0; i < preflight->plan->findings->len; i++) {
        const QemuFinding *finding = g_ptr_array_index(preflight->plan->findings, i);
        qemu_findings_add(preflight->findings, finding->level, finding->code, finding->hint, "%s", finding->reason);
    }
    guest_vhost_net_look(preflight->plan, preflight->findings);
    guest_start_files_look(source, preflight->plan, preflight->findings);
}

/* What the running QEMU says of itself; its record may be of another opinion. */
static QemuVersion
running_version(const GuestInstance *source)
{
    QemuVersion version = {0};

    qmp_client_get_version(source->monitor, &version.major, &version.minor, &version.micro);
    return version;
}

/*
 * TAP queues are detached before the target attaches them (guest/tap-keeper.h). A guest that reset its card in between would
 * end with its QEMU, which detaches them too and takes it for fatal that they are: so it is stopped for that time.
 */
static void
look_at_queues(UpgradePreflight *preflight)
{
    if (!preflight->plan->shares_queues || preflight->stops_first)
        return;
    if (preflight->method->copies_memory && preflight->source_is_running)
        qemu_findings_add(preflight->findings, QEMU_FINDING_BLOCK, "net-tap-queues",
                          "pause the guest for the upgrade, or start it with shared memory",
                          "a TAP device with several queues changes hands while the guest stands still, which would be for "
                          "as long as its memory is copied");
    preflight->stops_first = true;
}

static void
look_at_method(UpgradePreflight *preflight, const GuestEnvironment *environment, const GuestInstance *source,
               const UpgradePreflightRequest *request, const QmpWait *wait)
{
    QmpWait limit = qmp_wait_within(wait, UPGRADE_TIMEOUT_COMMAND_MS);
    const UpgradeMethodContext context = {
        .source = source,
        .memory = guest_present_get_memory(preflight->present, source),
        .source_capabilities = preflight->source_capabilities,
        .running = running_version(source),
        .accelerator = guest_inspect_accelerator(source, &limit),
        .source_is_running = preflight->source_is_running,
        .target = preflight->binary,
        .max_downtime_ms = request->max_downtime_ms,
    };

    preflight->method =
        upgrade_method_choose(request->method ? request->method : "auto", &context, preflight->findings);
    look_at_plan(preflight, environment, source);
    if (!preflight->method || !preflight->plan)
        return;
    preflight->stops_first = preflight->method->stops_first && preflight->method->stops_first(&context);
    look_at_queues(preflight);
    guest_try_cpu(environment, source, preflight->binary, preflight->plan, context.accelerator, wait, preflight->findings);
    guest_try_disks(environment, source, preflight->binary, wait, preflight->findings);
    if (preflight->method->check_plan)
        preflight->method->check_plan(&context, preflight->plan, preflight->findings);
}

/* QEMU binds the migration socket by its path, and a UNIX socket address holds 107 bytes. */
static void
look_at_paths(UpgradePreflight *preflight, const GuestEnvironment *environment)
{
    g_autoptr(PathsInstance) longest = paths_instance_new(environment->dirs, G_MAXUINT64);

    if (strlen(longest->migrate_socket) >= sizeof ((struct sockaddr_un *)NULL)->sun_path)
        qemu_findings_add(preflight->findings, QEMU_FINDING_BLOCK, "runtime-dir-too-long",
                          "use a runtime directory with a shorter path",
                          "%s is too long a path for a migration socket below it", environment->dirs->runtime);
}

static void
look_at_host_memory(UpgradePreflight *preflight)
{
    g_autoptr(GError) error = NULL;
    guint64 available = 0;

    if (!process_proc_get_mem_available(&available, &error))
        qemu_findings_add(preflight->findings, QEMU_FINDING_WARN, "host-memory", NULL, "%s", error->message);
    else if (available < EXTRA_MEMORY_BYTES)
        qemu_findings_add(preflight->findings, QEMU_FINDING_BLOCK, "host-memory", "free some memory on this host",
                          "%" G_GUINT64_FORMAT " MiB are available, a second QEMU needs up to %" G_GUINT64_FORMAT,
                          available >> 20, EXTRA_MEMORY_BYTES >> 20);
    else
        qemu_findings_add(preflight->findings, QEMU_FINDING_OK, "host-memory", NULL,
                          "%" G_GUINT64_FORMAT " MiB are available, enough for a second QEMU", available >> 20);
}

UpgradePreflight *
upgrade_preflight_new(const GuestEnvironment *environment, const GuestInstance *source,
                      const UpgradePreflightRequest *request, const QmpWait *wait, GError **error)
{
    g_autoptr(UpgradePreflight) preflight = g_new0(UpgradePreflight, 1);

    preflight->findings = qemu_findings_new();
    if (source->monitor)
        guest_ask_for_preflight(source); /* it answers while the binary is looked at */
    look_at_binary(preflight, environment, request->to ? request->to : source->binary.path, wait);
    look_at_source(preflight, environment, source, wait);
    if (preflight->binary && preflight->source_capabilities)
        look_at_method(preflight, environment, source, request, wait);
    else if (preflight->binary)
        look_at_plan(preflight, environment, source);
    if (source->monitor)
        qmp_client_forget_ahead(source->monitor);
    guest_surroundings_look(source, environment->dirs->runtime, preflight->binary ? preflight->binary->path : NULL,
                            preflight->findings);
    if (preflight->binary)
        guest_label_look(source, preflight->binary->path, preflight->findings);
    preflight->unit = guest_unit_look(source, preflight->findings);
    look_at_paths(preflight, environment);
    look_at_host_memory(preflight);
    upgrade_threads_check(source, preflight->findings);
    if (g_get_monotonic_time() >= wait->deadline_us) {
        guest_error_set(error, GUEST_ERROR_TIMED_OUT, "timeout", "give it longer: --timeout",
                        "the checks did not end in time");
        return NULL;
    }
    return g_steal_pointer(&preflight);
}

void
upgrade_preflight_free(UpgradePreflight *preflight)
{
    if (!preflight)
        return;
    if (preflight->binary)
        qemu_binary_unref(preflight->binary);
    guest_present_free(preflight->present);
    qemu_plan_free(preflight->plan);
    guest_unit_free(preflight->unit);
    g_ptr_array_unref(preflight->findings);
    if (preflight->source_capabilities)
        g_hash_table_unref(preflight->source_capabilities);
    g_free(preflight);
}

bool
upgrade_preflight_passes(const UpgradePreflight *preflight)
{
    return preflight->binary && preflight->plan && preflight->method && !qemu_findings_get_block(preflight->findings);
}
