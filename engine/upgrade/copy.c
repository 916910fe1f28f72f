/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Method *copy*: the guest's memory, or a part of it, is private to the running QEMU, so that all of it is copied over the
 * migration socket into shared files of ours, and the next upgrade needs no copy. For the time of it the node holds the memory twice;
 * whether there is room is asked before anything is begun. QEMU's load fills every page of the new file, touched or
 * not (it compares with zero, and reading a hole of a shared file allocates it), so that the whole size counts.
 *
 * The guest runs meanwhile, but for QEMUs that lose pages then (qemu/quirks.c): they are stopped first.
 */
#include "process/cgroup-memory.h"
#include "process/hugepages.h"
#include "process/proc.h"
#include "qemu/finding.h"
#include "qemu/memory.h"
#include "qmp/json.h"
#include "upgrade/copy-rate.h"
#include "upgrade/method.h"

/* Kept free beside the copy: what the new QEMU itself takes (see EXTRA_MEMORY_BYTES of the preflight). */
#define SPARE_BYTES (256 * G_GUINT64_CONSTANT(1048576))
/* More than any socket carries: QEMU's own default is 128 MiB/s. */
#define UNLIMITED_BANDWIDTH (G_GINT64_CONSTANT(1) << 40)
/* The most that migrate-set-parameters takes (MAX_MIGRATE_DOWNTIME): a stopped guest has nothing to wait for. */
#define MAX_DOWNTIME_LIMIT_MS 2000000

/*
 * QEMU does more to a page than send it, and reaches about half of what upgrade_copy_rate_measure says (measured, 7.2.22
 * to 10.0.2, 1 GiB: 0.7 of 1.3 GiB/s; on a node with four times the work it can do, a quarter).
 */
#define QEMU_SHARE 2

static bool
fits(const GPtrArray *memory)
{
    return qemu_memory_find_kind(memory, QEMU_MEMORY_PRIVATE) != NULL;
}

/*
 * All or nothing: with the capability that leaves shared memory out, QEMU refuses to fill a shared block, and without it all is
 * sent. So what is shared already, in a file of ours, is copied too; one of the operator's would be written onto itself.
 */
static bool
check_memory(const GPtrArray *memory, GPtrArray *findings)
{
    const QemuMemoryBackend *theirs = qemu_memory_find_kind(memory, QEMU_MEMORY_FILE);

    if (!fits(memory))
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "copy-not-needed", "use method shared",
                          "the guest's memory is shared already: a copy would be made onto itself");
    else if (theirs)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "ram-mixed",
                          "unplug the part that is private, or start the guest with all of its memory private, or all of it shared",
                          "a part of the guest's memory is private, and %s is in a file of the operator's, shared: one can be "
                          "neither copied nor left with the other",
                          theirs->id);
    return fits(memory) && !theirs;
}

static const QemuQuirk *
find_quirk(const UpgradeMethodContext *context)
{
    const QemuQuirk *quirk =
        qemu_quirk_find(QEMU_QUIRK_LIVE_COPY_LOSES_PAGES, &context->running, context->accelerator);

    if (!quirk && context->memory->len > 1)
        quirk = qemu_quirk_find(QEMU_QUIRK_LIVE_COPY_OF_SEVERAL, &context->running, context->accelerator);
    return context->source_is_running ? quirk : NULL;
}

static bool
stops_first(const UpgradeMethodContext *context)
{
    return find_quirk(context) != NULL;
}

/* How long a stopped guest stands. Memory that it never touched takes as long: the new file gets every page. */
static gint64
estimate_pause_ms(const GPtrArray *memory)
{
    guint64 bytes_per_s = upgrade_copy_rate_measure() / QEMU_SHARE;

    return (gint64)(qemu_memory_sum_bytes(memory) / MAX(bytes_per_s / 1000, 1));
}

static bool
check_pause(const UpgradeMethodContext *context, GPtrArray *findings)
{
    const QemuQuirk *quirk = find_quirk(context);
    gint64 pause_ms = quirk ? estimate_pause_ms(context->memory) : 0;

    if (!quirk)
        return true;
    qemu_findings_add(findings, QEMU_FINDING_WARN, "copy-stops-guest",
                      "upgrade when the guest can pause; it is this once: the next upgrade finds its memory shared",
                      "of QEMU %d.%d.%d it is known that %s: %s, for about %.1f s as busy as this node is now",
                      context->running.major, context->running.minor, context->running.micro, quirk->broken,
                      quirk->instead, (double)pause_ms / 1000.0);
    if (context->max_downtime_ms == 0 || pause_ms <= context->max_downtime_ms)
        return true;
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "downtime-too-long", "allow more with --max-downtime",
                      "the guest would stand still for about %.1f s, and %.1f s are allowed", (double)pause_ms / 1000.0,
                      (double)context->max_downtime_ms / 1000.0);
    return false;
}

static bool
check(const UpgradeMethodContext *context, GPtrArray *findings)
{
    bool passes = upgrade_method_check_return_path("running", context->source_capabilities, findings);

    passes = upgrade_method_check_return_path("new", context->target->migrate_capabilities, findings) && passes;
    return check_memory(context->memory, findings) && check_pause(context, findings) && passes;
}

static guint64
mib(guint64 bytes)
{
    return bytes >> 20;
}

static bool
check_room(const char *code, const char *where, const char *hint, guint64 needed, guint64 available, GPtrArray *findings)
{
    if (available >= needed)
        return true;
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, code, hint,
                      "a second copy of the guest's memory takes %" G_GUINT64_FORMAT " MiB, and %s has %" G_GUINT64_FORMAT
                      " MiB left",
                      mib(needed), where, mib(available));
    return false;
}

static bool
check_node(guint64 needed, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    guint64 available = 0;

    if (!process_proc_get_mem_available(&available, &error)) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "copy-memory", NULL, "%s", error->message);
        return false;
    }
    if (!check_room("copy-memory", "this node", "free some memory on this node", needed, available, findings))
        return false;
    qemu_findings_add(findings, QEMU_FINDING_OK, "copy-memory", NULL,
                      "a second copy of the guest's memory takes %" G_GUINT64_FORMAT
                      " MiB; this node has %" G_GUINT64_FORMAT " MiB available",
                      mib(needed), mib(available));
    return true;
}

/* The new QEMU joins the old one's group, and what it is the first to touch is charged there. */
static bool
check_cgroup(const GuestInstance *source, guint64 needed, GPtrArray *findings)
{
    g_autofree char *dir = NULL, *where = NULL;
    g_autoptr(GError) error = NULL;
    guint64 available = 0;

    if (!process_cgroup_get_memory_available(source->process.pid, &available, &dir, &error)) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "copy-memory-cgroup", NULL, "%s", error->message);
        return false;
    }
    where = g_strdup_printf("the guest's control group (%s)", dir ? dir : "unlimited");
    return check_room("copy-memory-cgroup", where, "raise its memory limit for the time of the upgrade", needed, available,
                      findings);
}

static bool
check_pool(const GPtrArray *memory, guint64 page_size_bytes, GPtrArray *findings)
{
    guint64 available = 0;

    process_hugepages_get_free(page_size_bytes, &available);
    return check_room("copy-memory-hugepages", "the node's pool of huge pages", "reserve more: vm.nr_hugepages",
                      qemu_memory_sum_bytes_in_pages(memory, page_size_bytes), available, findings);
}

/* One finding for each size of page. */
static bool
check_huge(const QemuPlan *plan, GPtrArray *findings)
{
    g_autoptr(GHashTable) checked = g_hash_table_new(g_int64_hash, g_int64_equal);
    bool fits = true;

    for (guint i = 0; i < plan->memory->len; i++) {
        QemuMemoryBackend *backend = g_ptr_array_index(plan->memory, i);
        if (backend->page_size_bytes && g_hash_table_add(checked, &backend->page_size_bytes))
            fits = check_pool(plan->memory, backend->page_size_bytes, findings) && fits;
    }
    return fits;
}

static bool
check_plan(const UpgradeMethodContext *context, const QemuPlan *plan, GPtrArray *findings)
{
    guint64 needed = qemu_memory_sum_bytes_in_pages(plan->memory, 0) + SPARE_BYTES;
    bool fits = check_node(needed, findings);

    fits = check_cgroup(context->source, needed, findings) && fits;
    return check_huge(plan, findings) && fits;
}

static json_object *
get_parameters(gint64 max_downtime_ms, bool guest_is_stopped)
{
    json_object *parameters = json_object_new_object();

    qmp_json_add_int64(parameters, "max-bandwidth", UNLIMITED_BANDWIDTH);
    if (guest_is_stopped)
        qmp_json_add_int64(parameters, "downtime-limit", MAX_DOWNTIME_LIMIT_MS);
    else if (max_downtime_ms > 0)
        qmp_json_add_int64(parameters, "downtime-limit", MIN(max_downtime_ms, MAX_DOWNTIME_LIMIT_MS));
    return parameters;
}

const UpgradeMethod upgrade_method_copy = {
    .name = "copy",
    .what = "the guest's memory, or a part of it, is private, and all of it is copied into shared memory",
    .copies_memory = true,
    .fits = fits,
    .check = check,
    .check_plan = check_plan,
    .stops_first = stops_first,
    .get_parameters = get_parameters,
};
