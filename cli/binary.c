/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/binary.h"

#include <string.h>
#include <unistd.h>

#include "cli/error.h"

/* execvp(3) takes an empty element for the current folder, and so does this. Canonical but for symbolic
 * links. */
static char *
find_in_path(const char *name)
{
    const char *path = g_getenv("PATH");
    g_auto(GStrv) folders = g_strsplit(path ? path : "/bin:/usr/bin", ":", -1);

    for (size_t i = 0; folders[i]; i++) {
        g_autofree char *candidate = g_build_filename(folders[i], name, NULL);
        g_autofree char *absolute = g_canonicalize_filename(candidate, NULL);
        if (g_file_test(absolute, G_FILE_TEST_IS_REGULAR) && access(absolute, X_OK) == 0)
            return g_steal_pointer(&absolute);
    }
    return NULL;
}

char *
cli_binary_find(const char *name, GError **error)
{
    char *found;

    if (name[0] == '\0') {
        cli_error_set(error, CLI_EXIT_USAGE, "the name of the QEMU binary is empty");
        return NULL;
    }
    if (g_path_is_absolute(name))
        return g_strdup(name);
    /* Whether it can be run is the engine's to say: it is the one that will. */
    if (strchr(name, '/')) {
        g_autofree char *cwd = g_get_current_dir();
        return g_build_filename(cwd, name, NULL);
    }
    found = find_in_path(name);
    if (!found)
        cli_error_set_refused(error, "binary-missing", "name a working QEMU binary", "'%s' is not in PATH", name);
    return found;
}
