/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of the present is compared with the operator's: a path that is not among his comes from the monitor.
 */
#include "guest/explain-private.h"

#include <string.h>

#include "guest/root.h"

#define OUR_PATH "/proc/self/fd/" /* a descriptor, which is the same everywhere */

typedef struct {
    Explanation *explanation;
    GHashTable *known; /* set of the definition's values; borrowed */
} Search;

static bool
is_path(const char *key, const char *value)
{
    static const char *const keys[] = {"file", "filename", "path", "mem-path", NULL};
    const char *dot = strrchr(key, '.');

    if (g_str_has_prefix(value, OUR_PATH))
        return false;
    return *value == '/' || g_strv_contains(keys, dot ? dot + 1 : key);
}

static void
look_at_setting(const char *key, const char *value, gpointer data)
{
    Search *search = data;

    if (is_path(key, value) && !g_hash_table_contains(search->known, value))
        explain_block(search->explanation, "chroot-path", "it has come since the guest's start, and is at a path inside the chroot:", value);
}

static void
note_setting(const char *key G_GNUC_UNUSED, const char *value, gpointer data)
{
    g_hash_table_add(data, g_strdup(value));
}

/* Text that is no list of settings has no paths that an explanation adds. */
static void
look_at_all(const QemuArgv *argv, QemuKeyvalFunc function, gpointer data)
{
    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (arg->settings)
            qemu_keyval_foreach(arg->settings, function, data);
        else
            function(arg->word, arg->value ? arg->value : arg->word, data);
    }
}

void
explain_chroot(Explanation *explanation)
{
    const GuestInstance *instance = explanation->instance;
    g_autofree char *folder = guest_root_dup_chroot(instance);
    g_autoptr(QemuArgv) before = folder ? qemu_argv_parse((const char *const *)instance->definition->argv, NULL) : NULL;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Search search = {.explanation = explanation, .known = known};

    if (!before)
        return;
    look_at_all(before, note_setting, known);
    look_at_all(explanation->argv, look_at_setting, &search);
}
