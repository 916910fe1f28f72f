/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of an instance. A fresh guest gets new files. The target of an upgrade gets the source's, and each is
 * proved to be the recorded file before QEMU sees it: the source is not trusted, and a descriptor number is only a
 * number. The engine holds no memory file longer than it takes to pass it on, so that a guest's memory is freed with
 * its last QEMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/error.h"
#include "guest/spawn.h"
#include "process/hugepages.h"
#include "process/proc.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

static bool
fail_errno(GError **error, const char *code, const char *what, const char *path)
{
    guest_error_set(error, GUEST_ERROR_FAILED, code, NULL, "%s %s: %s", what, path, g_strerror(errno));
    return false;
}

static bool
remember_file(QemuMemoryBackend *backend, int fd, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return fail_errno(error, "ram-file", "memory file of", backend->id);
    backend->device = status.st_dev;
    backend->inode = status.st_ino;
    return true;
}

static int
create_memfd(const GuestSpawn *spawn, const QemuMemoryBackend *backend)
{
    unsigned flags = MFD_CLOEXEC;

    if (backend->page_size_bytes)
        flags |= MFD_HUGETLB | ((unsigned)g_bit_nth_lsf(backend->page_size_bytes, -1) << MFD_HUGE_SHIFT);
    g_autofree char *name = g_strdup_printf("moult-%s-%.64s", spawn->instance->definition->name, backend->id);
    int fd = memfd_create(name, flags);
    if (fd >= 0 && ftruncate(fd, (off_t)backend->size_bytes) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool
make_hugetlbfs_dir(GuestSpawn *spawn, GError **error)
{
    if (!spawn->hugetlbfs_mount || spawn->made_hugetlbfs)
        return true;
    if (!paths_hugetlbfs_create(spawn->hugetlbfs_mount, spawn->paths->domain_id, spawn->owner.uid,
                                spawn->owner.gid, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "hugetlbfs", NULL, "hugepage folder");
        return false;
    }
    spawn->made_hugetlbfs = true;
    return guest_label_set_path(&spawn->label, spawn->instance->hugetlbfs_dir, error);
}

static void
keep_backend(GuestSpawn *spawn, const QemuMemoryBackend *backend, int fd)
{
    g_ptr_array_add(spawn->instance->memory, qemu_memory_backend_copy(backend));
    g_array_append_val(spawn->memory_fds, fd);
}

static bool
create_one(GuestSpawn *spawn, QemuMemoryBackend *backend, GError **error)
{
    int fd = -1;

    switch (backend->kind) {
    case QEMU_MEMORY_MEMFD:
        fd = create_memfd(spawn, backend);
        break;
    case QEMU_MEMORY_HUGETLBFS:
        fd = paths_hugetlbfs_create_file(backend->path, backend->size_bytes, spawn->owner.uid,
                                         spawn->owner.gid, error);
        if (fd < 0) {
            guest_error_wrap(error, GUEST_ERROR_FAILED, "ram-file", NULL, backend->id);
            return false;
        }
        break;
    case QEMU_MEMORY_FILE:    /* QEMU creates or opens the operator's file; its identity is read afterwards */
    case QEMU_MEMORY_PRIVATE: /* nothing of ours */
        keep_backend(spawn, backend, -1);
        return true;
    }
    if (fd < 0)
        return fail_errno(error, "ram-file", "memory file of", backend->id);
    if (!remember_file(backend, fd, error) || !guest_label_set_fd(&spawn->label, fd, error)) {
        close(fd);
        return false;
    }
    if (backend->kind == QEMU_MEMORY_HUGETLBFS) {
        close(fd);
        fd = -1;
    }
    keep_backend(spawn, backend, fd);
    return true;
}

/*
 * QEMU would find out as it maps the file, and then says "Cannot allocate memory". It still does when somebody else takes the
 * pages meanwhile: the pages of a shared file are reserved by the first mmap, not by us.
 */
static bool
check_pool(const QemuPlan *plan, guint64 page_size_bytes, GError **error)
{
    guint64 needed = qemu_memory_sum_bytes_in_pages(plan->memory, page_size_bytes), available = 0;

    process_hugepages_get_free(page_size_bytes, &available);
    if (available >= needed)
        return true;
    g_autofree char *hint =
        g_strdup_printf("reserve more: /sys/kernel/mm/hugepages/hugepages-%" G_GUINT64_FORMAT "kB/nr_hugepages",
                        page_size_bytes / 1024);
    guest_error_set(error, GUEST_ERROR_REFUSED, "hugepages-missing", hint,
                    "the guest's memory takes %" G_GUINT64_FORMAT " huge pages of %" G_GUINT64_FORMAT
                    " KiB, and the node has %" G_GUINT64_FORMAT " left",
                    needed / page_size_bytes, page_size_bytes / 1024, available / page_size_bytes);
    return false;
}

static bool
check_pools(const QemuPlan *plan, GError **error)
{
    for (guint i = 0; i < plan->memory->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(plan->memory, i);
        if (backend->page_size_bytes && !check_pool(plan, backend->page_size_bytes, error))
            return false;
    }
    return true;
}

bool
guest_spawn_create_memory(GuestSpawn *spawn, GError **error)
{
    if (!check_pools(spawn->plan, error) || !make_hugetlbfs_dir(spawn, error))
        return false;
    for (guint i = 0; i < spawn->plan->memory->len; i++)
        if (!create_one(spawn, g_ptr_array_index(spawn->plan->memory, i), error))
            return false;
    return true;
}

static bool
refuse_other_file(const QemuMemoryBackend *backend, GError **error)
{
    guest_error_set(error, GUEST_ERROR_FAILED, "ram-file-differs", "see moult show: the memory backends",
                    "memory backend %s is not the file it was when the guest started", backend->id);
    return false;
}

static bool
is_recorded_file(const QemuMemoryBackend *recorded, const struct stat *status)
{
    return status->st_dev == recorded->device && status->st_ino == recorded->inode && S_ISREG(status->st_mode) &&
           (guint64)status->st_size >= recorded->size_bytes;
}

bool
guest_spawn_is_in_place(const QemuMemoryBackend *recorded)
{
    struct stat status;

    return stat(recorded->path, &status) == 0 && is_recorded_file(recorded, &status);
}

static int
fetch_memfd(const GuestInstance *source, const QemuMemoryBackend *recorded, GError **error)
{
    struct stat status;
    int fd = process_proc_fetch_fd(source->pidfd, recorded->fd_number, error);

    if (fd < 0) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "ram-fetch", NULL, recorded->id);
        return -1;
    }
    if (fstat(fd, &status) < 0 || !is_recorded_file(recorded, &status)) {
        close(fd);
        refuse_other_file(recorded, error);
        return -1;
    }
    return fd;
}

static bool
link_hugetlbfs_file(const QemuMemoryBackend *recorded, const QemuMemoryBackend *planned, GError **error)
{
    struct stat status;

    if (!paths_link_file(recorded->path, planned->path, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "ram-link", NULL, recorded->id);
        return false;
    }
    if (lstat(planned->path, &status) < 0 || !is_recorded_file(recorded, &status))
        return refuse_other_file(recorded, error);
    return true;
}

static bool
fetch_one(GuestSpawn *spawn, const GuestInstance *source, QemuMemoryBackend *planned,
          const QemuMemoryBackend *recorded, GError **error)
{
    int fd = -1;

    switch (planned->kind) {
    case QEMU_MEMORY_MEMFD:
        fd = fetch_memfd(source, recorded, error);
        if (fd < 0)
            return false;
        break;
    case QEMU_MEMORY_HUGETLBFS:
        if (!link_hugetlbfs_file(recorded, planned, error))
            return false;
        break;
    case QEMU_MEMORY_FILE:
        if (!guest_spawn_is_in_place(recorded))
            return refuse_other_file(recorded, error);
        break;
    case QEMU_MEMORY_PRIVATE:
        guest_error_set(error, GUEST_ERROR_REFUSED, "ram-not-shared", "start the guest on a shared memory backend",
                        "memory backend %s is private to the running QEMU", recorded->id);
        return false;
    }
    planned->device = recorded->device;
    planned->inode = recorded->inode;
    keep_backend(spawn, planned, fd);
    return true;
}

/* What the plan takes over has the recorded identity; what has none is made anew, to be copied into. */
static bool
is_to_be_made(const QemuMemoryBackend *planned, const QemuMemoryBackend *recorded)
{
    bool is_ours = planned->kind == QEMU_MEMORY_MEMFD || planned->kind == QEMU_MEMORY_HUGETLBFS;

    return is_ours && planned->inode == 0 && (recorded->kind == QEMU_MEMORY_PRIVATE || recorded->inode != 0);
}

bool
guest_spawn_fetch_memory(GuestSpawn *spawn, const GuestInstance *source, const GuestPresent *present, GError **error)
{
    const GPtrArray *memory = guest_present_get_memory(present, source);

    if (!make_hugetlbfs_dir(spawn, error))
        return false;
    for (guint i = 0; i < spawn->plan->memory->len; i++) {
        QemuMemoryBackend *planned = g_ptr_array_index(spawn->plan->memory, i);
        const QemuMemoryBackend *recorded = qemu_memory_find(memory, planned->id);
        bool is_new = recorded && is_to_be_made(planned, recorded);
        if (!recorded || (!is_new && recorded->kind != planned->kind) || recorded->size_bytes != planned->size_bytes) {
            guest_error_set(error, GUEST_ERROR_FAILED, "ram-differs", NULL,
                            "memory backend %s is not one of the running guest's", planned->id);
            return false;
        }
        if (!(is_new ? create_one(spawn, planned, error) : fetch_one(spawn, source, planned, recorded, error)))
            return false;
    }
    return true;
}
