/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Method *shared*: both QEMUs map the same files, and migration skips them (`x-ignore-shared` upstream,
 * `bypass-shared-memory` in out-of-tree QEMUs). `return-path` is not optional: without it a source says `completed`
 * while its target has died loading. Capability names come from the QEMU itself, never from its version.
 */
#include "guest/spawn.h"
#include "qemu/finding.h"
#include "qemu/memory.h"
#include "upgrade/method.h"

static const char *
get_skip_capability(GHashTable *capabilities)
{
    if (g_hash_table_contains(capabilities, "x-ignore-shared"))
        return "x-ignore-shared";
    return g_hash_table_contains(capabilities, "bypass-shared-memory") ? "bypass-shared-memory" : NULL;
}

static bool
check_capabilities(const char *which, GHashTable *capabilities, GPtrArray *findings)
{
    if (!get_skip_capability(capabilities)) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "capability-missing", "QEMU 4.0 or newer is needed",
                          "the %s QEMU cannot leave shared memory out of a migration", which);
        return false;
    }
    return upgrade_method_check_return_path(which, capabilities, findings);
}

static bool
fits(const GPtrArray *memory)
{
    return !qemu_memory_find_kind(memory, QEMU_MEMORY_PRIVATE);
}

static bool
check_memory(const GPtrArray *memory, GPtrArray *findings)
{
    bool is_shared = true;

    for (guint i = 0; i < memory->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(memory, i);
        if (backend->kind != QEMU_MEMORY_PRIVATE)
            continue;
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "ram-not-shared",
                          "use method copy: after it the memory is shared",
                          "memory backend %s is private to the running QEMU", backend->id);
        is_shared = false;
    }
    if (is_shared)
        qemu_findings_add(findings, QEMU_FINDING_OK, "ram-shared", NULL, "all memory backends are shared, named files: %u",
                          memory->len);
    return is_shared;
}

/* Somebody may have replaced the file of memory by another one. */
static bool
check_files(const GPtrArray *memory, GPtrArray *findings)
{
    bool are_in_place = true;

    for (guint i = 0; i < memory->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(memory, i);
        if (!backend->path || guest_spawn_is_in_place(backend))
            continue;
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "ram-file-differs", "plan a restart of the guest",
                          "memory backend %s is in a file that is no longer at %s", backend->id, backend->path);
        are_in_place = false;
    }
    return are_in_place;
}

static bool
check(const UpgradeMethodContext *context, GPtrArray *findings)
{
    bool passes = check_capabilities("running", context->source_capabilities, findings);

    passes = check_capabilities("new", context->target->migrate_capabilities, findings) && passes;
    return check_memory(context->memory, findings) && check_files(context->memory, findings) && passes;
}

const UpgradeMethod upgrade_method_shared = {
    .name = "shared",
    .what = "the guest's memory is shared, and stays where it is",
    .fits = fits,
    .check = check,
    .get_capability = get_skip_capability,
};
