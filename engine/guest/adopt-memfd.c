/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory-backend-memfd of a QEMU that somebody else has started. A QEMU before 8.1 leaves any shared block out of a
 * migration, so that the next one can map the same anonymous file; later ones leave out named files alone, and would write
 * a memfd's pages into themselves: there it counts as private, and is copied once. What the running QEMU is
 * decides, not the binary on disk. Which memfd is which is told by the size alone: two of one size are not taken.
 */
#include "guest/adopt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "qemu/argv.h"
#include "qemu/memory.h"

#define LINK "/memfd:memory-backend-memfd (deleted)"
#define MAX_FDS 65536

static bool
skips_unnamed_shared(const GuestInstance *instance)
{
    const QemuVersion running = guest_binary_get_version(&instance->binary), named_only = {8, 1, 0};

    return running.major > 0 && qemu_version_compare(&running, &named_only) < 0;
}

static bool
is_shared_memfd(const QemuArg *arg)
{
    if (!qemu_arg_is(arg, "object") || g_strcmp0(qemu_keyval_get(arg->settings, "qom-type"), "memory-backend-memfd") != 0)
        return false;
    /* share=on is its default; huge pages have a pool of their own to be found in. */
    return (!qemu_keyval_get(arg->settings, "share") || qemu_keyval_is_on(arg->settings, "share")) &&
           !qemu_keyval_is_on(arg->settings, "hugetlb");
}

static bool
is_memfd(const char *path, guint64 size_bytes, struct stat *ret_status)
{
    g_autofree char *target = g_file_read_link(path, NULL);

    return g_strcmp0(target, LINK) == 0 && stat(path, ret_status) == 0 && S_ISREG(ret_status->st_mode) &&
           (guint64)ret_status->st_size == size_bytes;
}

/* FALSE: there is none of that size, or more than one. */
static bool
find_memfd(const GuestInstance *instance, guint64 size_bytes, int *ret_number, struct stat *ret_status)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", instance->process.pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint n_seen = 0, n_found = 0;

    while (dir && (name = g_dir_read_name(dir)) && n_seen++ < MAX_FDS) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat status;
        if (!is_memfd(path, size_bytes, &status) || (n_found > 0 && status.st_ino == ret_status->st_ino))
            continue;
        *ret_number = (int)strtol(name, NULL, 10);
        *ret_status = status;
        n_found++;
    }
    return n_found == 1;
}

bool
guest_adopt_find_memfd(const GuestInstance *instance, QemuMemoryBackend *backend)
{
    struct stat status = {0};
    int number = -1;

    if (!skips_unnamed_shared(instance) || !find_memfd(instance, backend->size_bytes, &number, &status))
        return false;
    backend->kind = QEMU_MEMORY_MEMFD;
    backend->fd_number = number;
    backend->device = status.st_dev;
    backend->inode = status.st_ino;
    return true;
}

void
guest_adopt_take_memfds(GuestInstance *instance)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)instance->definition->argv, NULL);

    for (guint i = 0; argv && i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        QemuMemoryBackend *backend =
            is_shared_memfd(arg) ? qemu_memory_find(instance->memory, qemu_keyval_get(arg->settings, "id")) : NULL;
        if (backend)
            guest_adopt_find_memfd(instance, backend);
    }
}
