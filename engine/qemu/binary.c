/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/binary.h"

#include <string.h>

#include "qemu/binary-new.h"

G_DEFINE_QUARK(moult - qemu - binary - error - quark, qemu_binary_error)

/* In order of preference: upstream's name, then that of the out-of-tree QEMUs. */
static const char *const shared_capabilities[] = {"x-ignore-shared", "bypass-shared-memory"};

int
qemu_version_compare(const QemuVersion *a, const QemuVersion *b)
{
    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    return (a->micro > b->micro) - (a->micro < b->micro);
}

QemuBinary *
qemu_binary_new(void)
{
    return g_atomic_rc_box_new0(QemuBinary);
}

QemuBinary *
qemu_binary_ref(QemuBinary *binary)
{
    return g_atomic_rc_box_acquire(binary);
}

static void
clear(gpointer data)
{
    QemuBinary *binary = data;

    g_free(binary->path);
    g_free(binary->version_text);
    g_free(binary->package);
    g_free(binary->target);
    g_clear_pointer(&binary->machines, g_ptr_array_unref);
    g_clear_pointer(&binary->device_types, g_hash_table_unref);
    g_clear_pointer(&binary->object_types, g_hash_table_unref);
    g_clear_pointer(&binary->migrate_capabilities, g_hash_table_unref);
}

void
qemu_binary_unref(QemuBinary *binary)
{
    if (binary)
        g_atomic_rc_box_release_full(binary, clear);
}

const QmpMachine *
qemu_binary_find_machine(const QemuBinary *binary, const char *name)
{
    for (guint i = 0; i < binary->machines->len; i++) {
        const QmpMachine *machine = g_ptr_array_index(binary->machines, i);

        if (name ? g_strcmp0(machine->name, name) == 0 || g_strcmp0(machine->alias, name) == 0
                 : machine->is_default)
            return machine;
    }
    return NULL;
}

const char *
qemu_binary_get_shared_capability(const QemuBinary *binary)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shared_capabilities); i++)
        if (g_hash_table_contains(binary->migrate_capabilities, shared_capabilities[i]))
            return shared_capabilities[i];
    return NULL;
}

bool
qemu_binary_skips_unnamed_shared(const QemuBinary *binary)
{
    /* QEMU 8.1, commit b0182e537e ("exec/memory: Introduce RAM_NAMED_FILE flag"). */
    const QemuVersion first_that_wants_names = {8, 1, 0};

    return qemu_version_compare(&binary->version, &first_that_wants_names) < 0;
}
