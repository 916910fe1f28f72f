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

/* Bytes of the backend's file that the process has mapped shared and writable. */
static guint64
mapped_bytes(const GPtrArray *maps, dev_t device, ino_t inode)
{
    guint64 total = 0;

    for (guint i = 0; i < maps->len; i++) {
        const ProcessMapping *mapping = g_ptr_array_index(maps, i);
        if (mapping->device == device && mapping->inode == inode && mapping->permissions[3] == 's' &&
            mapping->permissions[1] == 'w')
            total += mapping->end - mapping->start;
    }
    return total;
}

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
        guint64 mapped = mapped_bytes(maps, backend->device, backend->inode);
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

bool
guest_compare_memory(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    /* The target's record says which files: they were taken over from the source's (spawn-memory.c). */
    return same_memdevs(source, target, wait, error) && guest_verify_memory_maps((GuestInstance *)target, error);
}
