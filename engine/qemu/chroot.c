/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/chroot.h"

#include <string.h>

#define AUTO_READ_ONLY "auto-read-only"

const char *
qemu_chroot_find(const QemuArgv *argv)
{
    const char *folder = NULL;

    for (guint i = 0; i < argv->args->len; i++) { /* the last one counts, in either spelling */
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        const char *given = NULL;
        if (qemu_arg_is(arg, "chroot"))
            given = arg->value;
        else if (qemu_arg_is(arg, "run-with"))
            given = qemu_keyval_get(arg->settings, "chroot");
        folder = given ? given : folder;
    }
    return folder;
}

typedef struct {
    const QemuKeyval *settings;
    bool has_image, reopens;
} Image;

/* "file.auto-read-only" beside "file.read-only": both are of one node. */
static bool
is_only_read(const QemuKeyval *settings, const char *key)
{
    g_autofree char *prefix = g_strndup(key, strlen(key) - strlen(AUTO_READ_ONLY));
    g_autofree char *read_only = g_strconcat(prefix, "read-only", NULL);

    return qemu_keyval_is_on(settings, read_only);
}

static void
look_at_setting(const char *key, const char *value G_GNUC_UNUSED, gpointer data)
{
    Image *image = data;
    bool is_auto = strcmp(key, AUTO_READ_ONLY) == 0 || g_str_has_suffix(key, "." AUTO_READ_ONLY);

    image->has_image = image->has_image || strcmp(key, "file") == 0 || g_str_has_prefix(key, "file.");
    if (is_auto && qemu_keyval_is_on(image->settings, key) && !is_only_read(image->settings, key))
        image->reopens = true;
}

static bool
reopens_drive(const QemuKeyval *settings, const Image *image)
{
    if (!image->has_image || qemu_keyval_is_on(settings, "readonly") || qemu_keyval_is_on(settings, "read-only") ||
        g_strcmp0(qemu_keyval_get(settings, "media"), "cdrom") == 0)
        return false;
    return image->reopens || !qemu_keyval_get(settings, AUTO_READ_ONLY);
}

bool
qemu_chroot_reopens_image(const QemuArg *arg)
{
    static const char *const shorthands[] = {"hda", "hdb", "hdc", "hdd", "fda", "fdb", "mtdblock", "sd", "pflash"};
    Image image = {.settings = arg->settings};

    if (!arg->option)
        return true; /* a bare word: the first disk */
    for (gsize i = 0; i < G_N_ELEMENTS(shorthands); i++)
        if (qemu_arg_is(arg, shorthands[i]))
            return true;
    if (!qemu_arg_is(arg, "drive") && !qemu_arg_is(arg, "blockdev"))
        return false;
    qemu_keyval_foreach(arg->settings, look_at_setting, &image);
    return qemu_arg_is(arg, "drive") ? reopens_drive(arg->settings, &image) : image.reopens;
}
