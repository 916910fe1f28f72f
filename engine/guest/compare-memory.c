/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of both sides. That the target maps the guest's own pages is looked up in the kernel's list of its
 * mappings: a target that had opened another file would run the guest on empty memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/compare.h"
#include "guest/error.h"
#include "process/proc.h"
#include "qemu/memory.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

static bool
identify(const GuestInstance *instance, QemuMemoryBackend *backend, GError **error)
{
    if (backend->inode != 0 || backend->kind != QEMU_MEMORY_FILE)
        return true;
    g_autofree char *path = g_canonicalize_filename(backend->path, instance->definition->cwd);
    struct stat status;
    if (stat(path, &status) < 0) {
        guest_error_set(error, GUEST_ERROR_FAILED, "ram-file", NULL, "memory file %s: %s", path, g_strerror(errno));
        return false;
    }
    g_free(backend->path);
    backend->path = g_steal_pointer(&path);
    backend->device = status.st_dev;
    backend->inode = status.st_ino;
    return true;
}

bool
guest_verify_memory_maps(GuestInstance *instance, GError **error)
{
    g_autoptr(GPtrArray) maps = process_proc_read_maps(instance->process.pid, error);
    if (!maps) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "ram-maps", NULL, "the mappings of QEMU");
        return false;
    }
    for (guint i = 0; i < instance->memory->len; i++) {
        QemuMemoryBackend *backend = g_ptr_array_index(instance->memory, i);
        if (backend->kind == QEMU_MEMORY_PRIVATE)
            continue;
        if (!identify(instance, backend, error))
            return false;
        guint64 mapped = process_mappings_sum_shared(maps, backend->device, backend->inode);
        if (mapped >= backend->size_bytes)
            continue;
        guest_error_set(error, GUEST_ERROR_FAILED, "ram-not-mapped", NULL,
                        "QEMU %d has mapped %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                        " bytes of memory backend %s from its file",
                        instance->process.pid, mapped, backend->size_bytes, backend->id);
        return false;
    }
    return true;
}

static bool
same_memdevs(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) before = qmp_query_memdev(source->monitor, wait, error);
    g_autoptr(GPtrArray) after = before ? qmp_query_memdev(target->monitor, wait, error) : NULL;
    if (!after) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "qemu-monitor", NULL, "query-memdev");
        return false;
    }
    bool same = before->len == after->len;
    for (guint i = 0; same && i < before->len; i++) {
        const QmpMemdev *old = g_ptr_array_index(before, i);
        bool found = false;
        for (guint j = 0; !found && j < after->len; j++) {
            const QmpMemdev *new = g_ptr_array_index(after, j);
            found = g_strcmp0(old->id, new->id) == 0 && old->size_bytes == new->size_bytes;
        }
        same = found;
    }
    if (!same)
        guest_error_set(error, GUEST_ERROR_FAILED, "ram-differs", "unplug memory that was plugged at run time",
                        "the memory backends of the running QEMU (%u) and the new one (%u) are not the same", before->len,
                        after->len);
    return same;
}

/* Where a memory device is, and what of. Not how much of it a guest uses (virtio-mem: "size"), which is part of its state. */
static char *
describe_device(const QmpMemoryDevice *device)
{
    static const char *const keys[] = {"id", "addr", "memaddr", "slot", "node", "max-size", "block-size"};
    g_autoptr(json_object) picked = json_object_new_object();

    qmp_json_add_string(picked, "type", device->type);
    qmp_json_add_string(picked, "memdev", device->memdev);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_object *value = NULL;
        if (device->data && json_object_object_get_ex(device->data, keys[i], &value))
            qmp_json_add_value(picked, keys[i], json_object_get(value));
    }
    return g_strdup(qmp_json_to_text(picked, NULL));
}

/* GPtrArray of char*, owned. */
static GPtrArray *
describe_devices(const GuestInstance *instance, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) devices = qmp_query_memory_devices(instance->monitor, wait, error);

    if (!devices)
        return NULL;
    GPtrArray *described = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < devices->len; i++)
        g_ptr_array_add(described, describe_device(g_ptr_array_index(devices, i)));
    return described;
}

/* In a copy QEMU does not notice when memory is at another address than it was. */
static bool
same_memory_devices(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) before = describe_devices(source, wait, error);
    g_autoptr(GPtrArray) after = before ? describe_devices(target, wait, error) : NULL;
    if (!after) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "qemu-monitor", NULL, "query-memory-devices");
        return false;
    }
    for (guint i = 0; i < before->len; i++) {
        const char *device = g_ptr_array_index(before, i);
        if (g_ptr_array_find_with_equal_func(after, device, g_str_equal, NULL))
            continue;
        g_autofree char *quoted = qmp_text_quote(device, 256);
        guest_error_set(error, GUEST_ERROR_FAILED, "ram-differs", "tell each memory device its addr= and slot=",
                        "the new QEMU has no memory that is plugged as the guest's is: %s", quoted);
        return false;
    }
    return true;
}

bool
guest_compare_memory(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    /* The target's record says which files: they were taken over from the source's (spawn-memory.c). */
    return same_memdevs(source, target, wait, error) && same_memory_devices(source, target, wait, error) &&
           guest_verify_memory_maps((GuestInstance *)target, error);
}
