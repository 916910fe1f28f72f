/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that was plugged: whose file it is in. The monitor names the file, the kernel's list of mappings is what counts.
 */
#include "guest/explain-private.h"

#include <string.h>
#include <sys/stat.h>

#include "guest/adopt.h"
#include "process/proc.h"
#include "qemu/plan.h"

#define OUR_PATH "/proc/self/fd/"
#define MAX_FD_NUMBER 65535

/* Of the file at PATH, absolute, on hugetlbfs; 0: normal pages. */
static guint64
page_size_of(const char *path)
{
    QemuPlanPath facts = {0};

    qemu_plan_look_at_path(path, &facts, NULL);
    return facts.page_size_bytes;
}

/* A descriptor that QEMU was started with: a file without a name, as an earlier upgrade has given it. */
static char *
take_descriptor(const GuestInstance *instance, const char *mem_path, QemuMemoryBackend *backend)
{
    guint64 number = 0;

    if (!g_ascii_string_to_unsigned(mem_path + strlen(OUR_PATH), 10, 0, MAX_FD_NUMBER, &number, NULL))
        return NULL;
    char *path = g_strdup_printf("/proc/%d/fd/%u", instance->process.pid, (unsigned)number);
    backend->kind = QEMU_MEMORY_MEMFD;
    backend->fd_number = (int)number;
    backend->page_size_bytes = page_size_of(path);
    return path;
}

static char *
take_path(const GuestInstance *instance, const char *mem_path, QemuMemoryBackend *backend)
{
    char *path = g_canonicalize_filename(mem_path, instance->definition->cwd);
    g_autofree char *folder = g_path_get_dirname(path);

    backend->kind = g_strcmp0(folder, instance->hugetlbfs_dir) == 0 ? QEMU_MEMORY_HUGETLBFS : QEMU_MEMORY_FILE;
    backend->page_size_bytes = backend->kind == QEMU_MEMORY_HUGETLBFS ? page_size_of(path) : 0;
    backend->path = g_strdup(path);
    return path;
}

static bool
take_file(const GuestInstance *instance, const char *mem_path, QemuMemoryBackend *backend)
{
    g_autofree char *path = g_str_has_prefix(mem_path, OUR_PATH) ? take_descriptor(instance, mem_path, backend)
                                                                 : take_path(instance, mem_path, backend);
    struct stat status;

    /* In a folder QEMU has made a file that has no name any more. */
    if (!path || stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return false;
    backend->device = status.st_dev;
    backend->inode = status.st_ino;
    return true;
}

QemuMemoryBackend *
explain_memory_kind(const GuestInstance *instance, const GPtrArray *maps, const char *id, guint64 size_bytes,
                    const char *type, bool is_shared, const char *mem_path)
{
    g_autoptr(QemuMemoryBackend) backend = qemu_memory_backend_new(id, QEMU_MEMORY_PRIVATE, size_bytes);
    bool is_found = false;

    if (is_shared && mem_path && strcmp(type, EXPLAIN_MEMORY "file") == 0)
        is_found = take_file(instance, mem_path, backend);
    else if (is_shared && strcmp(type, EXPLAIN_MEMORY "memfd") == 0)
        is_found = guest_adopt_find_memfd(instance, backend);
    if (is_found && process_mappings_sum_shared(maps, backend->device, backend->inode) >= size_bytes)
        return g_steal_pointer(&backend);
    return qemu_memory_backend_new(id, QEMU_MEMORY_PRIVATE, size_bytes);
}
