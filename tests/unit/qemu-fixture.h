/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU binaries made by hand, a plan's context, and golden comparison of command lines.
 */
#pragma once

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "qemu/plan.h"

#define FIXTURE_UUID "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

static inline void
fixture_add_machine(GPtrArray *machines, const char *name, const char *alias, const char *ram_id,
                    bool is_default)
{
    QmpMachine *machine = g_new0(QmpMachine, 1);

    machine->name = g_strdup(name);
    machine->alias = g_strdup(alias);
    machine->default_ram_id = g_strdup(ram_id);
    machine->is_default = is_default;
    machine->deprecated = g_strcmp0(name, "pc-i440fx-3.1") == 0;
    g_ptr_array_add(machines, machine);
}

static inline GHashTable *
fixture_set(const char *const *names)
{
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (; *names; names++)
        g_hash_table_add(set, g_strdup(*names));
    return set;
}

/* "7.2" or "10.0": machine types of its own version and, for 10.0, of 7.2. Lives as long as the program. */
static inline QemuBinary *
fixture_binary(const char *version)
{
    static const char *const devices[] = {"virtio-blk-pci",
                                          "virtio-net-pci",
                                          "virtio-rng-pci",
                                          "virtio-scsi-pci",
                                          "scsi-hd",
                                          "e1000",
                                          "pc-dimm",
                                          "isa-serial",
                                          "i6300esb",
                                          "virtio-serial-pci",
                                          "virtserialport",
                                          "usb-tablet",
                                          "qemu-xhci",
                                          "virtio-mem-pci",
                                          "vfio-pci",
                                          "vhost-user-fs-pci",
                                          "nvme",
                                          "ivshmem-plain",
                                          "loader",
                                          "usb-host",
                                          "nvdimm",
                                          "ide-hd",
                                          "ahci",
                                          "virtconsole",
                                          "virtio-balloon-pci",
                                          "virtio-gpu-gl-pci",
                                          "virtio-gpu-pci",
                                          "tpm-tis",
                                          "virtio-9p-pci",
                                          NULL};
    static const char *const objects[] = {"memory-backend-ram",
                                          "memory-backend-file",
                                          "memory-backend-memfd",
                                          "iothread",
                                          "rng-random",
                                          "secret",
                                          "throttle-group",
                                          "filter-dump",
                                          "sev-guest",
                                          "input-linux",
                                          "rng-egd",
                                          NULL};
    QemuBinary *binary = g_new0(QemuBinary, 1);
    bool new = strcmp(version, "10.0") == 0;

    binary->path = g_strdup_printf("/opt/qemu-%s/qemu-system-x86_64", version);
    binary->version = new ? (QemuVersion){10, 0, 2} : (QemuVersion){7, 2, 22};
    binary->version_text = g_strdup(new ? "10.0.2" : "7.2.22");
    binary->package = g_strdup("");
    binary->target = g_strdup("x86_64");
    binary->machines = g_ptr_array_new();
    fixture_add_machine(binary->machines, new ? "pc-i440fx-10.0" : "pc-i440fx-7.2", "pc", "pc.ram", true);
    fixture_add_machine(binary->machines, new ? "pc-q35-10.0" : "pc-q35-7.2", "q35", "pc.ram", false);
    if (new)
        fixture_add_machine(binary->machines, "pc-q35-7.2", NULL, "pc.ram", false);
    fixture_add_machine(binary->machines, "pc-i440fx-3.1", NULL, "pc.ram", false);
    fixture_add_machine(binary->machines, "none", NULL, NULL, false);
    binary->device_types = fixture_set(devices);
    binary->object_types = fixture_set(objects);
    return binary;
}

/* As long as the test program: plans and contexts of many tests point to it. */
static inline QemuBinary *
fixture_lasting_binary(const char *version)
{
    static GPtrArray *all;
    QemuBinary *binary = fixture_binary(version);

    if (!all)
        all = g_ptr_array_new();
    g_ptr_array_add(all, binary);
    return binary;
}

static inline QemuPlanContext
fixture_fresh(const char *version)
{
    return (QemuPlanContext){
        .role = QEMU_PLAN_FRESH, .name = "web1", .uuid = FIXTURE_UUID, .binary = fixture_lasting_binary(version)};
}

/* Splits at single spaces; "" is no word. Owned. */
static inline char **
fixture_words(const char *line)
{
    return *line ? g_strsplit(line, " ", -1) : g_new0(char *, 1);
}

/* The target's context for a guest that was started as SOURCE. */
static inline QemuPlanContext
fixture_incoming(const char *version, const QemuPlan *source)
{
    QemuPlanContext context = fixture_fresh(version);

    context.role = QEMU_PLAN_INCOMING;
    context.machine_type = source->machine_type;
    context.memory = source->memory;
    return context;
}

static inline QemuPlan *
fixture_plan(const char *line, const QemuPlanContext *context)
{
    g_auto(GStrv) words = fixture_words(line);
    g_autoptr(GError) error = NULL;
    QemuPlan *plan = qemu_plan_new((const char *const *)words, context, &error);

    if (!plan)
        fail_msg("“%s”: %s", line, error->message);
    return plan;
}

static inline const QemuFinding *
fixture_find(const QemuPlan *plan, const char *code)
{
    for (guint i = 0; i < plan->findings->len; i++) {
        const QemuFinding *finding = g_ptr_array_index(plan->findings, i);
        if (strcmp(finding->code, code) == 0)
            return finding;
    }
    return NULL;
}

/* CODE is among the findings, at LEVEL. */
static inline void
fixture_assert_finding(const QemuPlan *plan, const char *code, QemuFindingLevel level)
{
    const QemuFinding *finding = fixture_find(plan, code);

    if (!finding)
        fail_msg("no finding %s", code);
    assert_string_equal(qemu_finding_level_to_string(finding->level), qemu_finding_level_to_string(level));
}

static inline void
fixture_assert_argv(const QemuPlan *plan, const char *expected)
{
    g_autofree char *line = g_strjoinv(" ", plan->argv);

    assert_string_equal(line, expected);
}
