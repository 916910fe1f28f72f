/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/root.h"

#include <sys/stat.h>

#include "qemu/chroot.h"

char *
guest_root_dup_chroot(const GuestInstance *instance)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)instance->command_line, NULL);
    const char *folder = argv ? qemu_chroot_find(argv) : NULL;

    return folder ? g_canonicalize_filename(folder, instance->definition->cwd) : NULL;
}

static bool
is_same(const char *path, const char *other)
{
    struct stat one, two;

    return stat(path, &one) == 0 && stat(other, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

bool
guest_root_has_our_mounts(const GuestInstance *instance)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/mnt", instance->process.pid);

    return is_same("/proc/self/ns/mnt", path);
}

/* One that is just starting has its monitor's socket before it shuts itself in. */
static bool
was_ours(const GuestInstance *instance, const char *folder)
{
    g_autofree char *root = g_strdup_printf("/proc/%d/root/.", instance->process.pid);

    return guest_root_has_our_mounts(instance) && (is_same(folder, root) || is_same("/.", root));
}

bool
guest_root_is_known(const GuestInstance *instance)
{
    g_autofree char *folder = guest_root_dup_chroot(instance);

    return !folder || was_ours(instance, folder);
}

char *
guest_root_dup_path(const GuestInstance *instance, const char *path)
{
    g_autofree char *folder = guest_root_dup_chroot(instance);

    return folder && was_ours(instance, folder) ? g_strdup(path)
                                                 : g_strdup_printf("/proc/%d/root%s", instance->process.pid, path);
}
