/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/dropin.h"

#include <string.h>
#include <unistd.h>

#include "paths/file.h"
#include "paths/folder.h"


#define NAME "zzzz-moult.conf"
#define FOLDER_MODE 0755 /* managers of users read it, too */
#define FILE_MODE 0644

static char *
dup_folder(const char *folder, const char *unit)
{
    return g_strdup_printf("%s/%s.d", folder, unit);
}

static bool
make_folder(const char *path, GError **error)
{
    return paths_folder_create(path, FOLDER_MODE, FOLDER_MODE, error);
}

bool
paths_dropin_write(const char *folder, const char *unit, const char *text, GError **error)
{
    g_autofree char *unit_folder = dup_folder(folder, unit);
    g_autofree char *path = g_build_filename(unit_folder, NAME, NULL);

    return make_folder(folder, error) && make_folder(unit_folder, error) &&
           paths_file_replace(path, text, strlen(text), FILE_MODE, error);
}

bool
paths_dropin_remove(const char *folder, const char *unit, bool *ret_was_there, GError **error)
{
    g_autofree char *unit_folder = dup_folder(folder, unit);
    g_autofree char *path = g_build_filename(unit_folder, NAME, NULL);

    *ret_was_there = access(path, F_OK) == 0;
    if (!*ret_was_there)
        return true;
    if (!paths_file_remove(path, error))
        return false;
    (void)!rmdir(unit_folder); /* others may have something in it */
    return true;
}
