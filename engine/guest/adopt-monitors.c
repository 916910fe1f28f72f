/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QMP monitors of a command line: -qmp and -qmp-pretty with an address, or -mon with mode=control over a -chardev.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/adopt.h"
#include "guest/error.h"
#include "guest/root.h"
#include "qemu/argv.h"
#include "qemu/chardev-text.h"

/* A path as the process means it: below its own root where that is not ours. Owned. */
static char *
path_for_us(const GuestInstance *instance, const char *path)
{
    g_autofree char *absolute = g_canonicalize_filename(path, instance->definition->cwd);
    g_autofree char *direct = guest_root_dup_path(instance, absolute);
    struct stat theirs, ours;
    g_autofree char *root = g_strdup_printf("/proc/%d/root/.", instance->process.pid);

    if (stat(root, &theirs) == 0 && stat("/.", &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
        return g_steal_pointer(&absolute);
    return g_steal_pointer(&direct);
}

static void
add_socket(const GuestInstance *instance, const QemuKeyval *settings, GPtrArray *paths)
{
    const char *path = settings ? qemu_keyval_get(settings, "path") : NULL;

    if (path && g_strcmp0(qemu_keyval_get(settings, "backend"), "socket") == 0 && qemu_keyval_is_on(settings, "server") &&
        !qemu_keyval_is_on(settings, "abstract"))
        g_ptr_array_add(paths, path_for_us(instance, path));
}

static void
add_chardev(const GuestInstance *instance, const QemuArgv *argv, const char *id, GPtrArray *paths)
{
    const QemuArg *arg = id ? qemu_argv_find_with(argv, "chardev", "id", id) : NULL;

    if (arg)
        add_socket(instance, arg->settings, paths);
}

GPtrArray *
guest_adopt_find_monitors(const GuestInstance *instance, GError **error)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)instance->definition->argv, error);
    if (!argv) {
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "arguments", "see moult(1) on what the command line may hold", NULL);
        return NULL;
    }
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (qemu_arg_is(arg, "qmp") || qemu_arg_is(arg, "qmp-pretty")) {
            bool with_monitor = false;
            g_autoptr(QemuKeyval) settings = qemu_chardev_text_expand(arg->value, "qmp", &with_monitor);
            if (g_str_has_prefix(arg->value, "chardev:"))
                add_chardev(instance, argv, arg->value + strlen("chardev:"), paths);
            else
                add_socket(instance, settings, paths);
        } else if (qemu_arg_is(arg, "mon") && g_strcmp0(qemu_keyval_get(arg->settings, "mode"), "control") == 0) {
            add_chardev(instance, argv, qemu_keyval_get(arg->settings, "chardev"), paths);
        }
    }
    return paths;
}
