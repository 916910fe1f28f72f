/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest names: they become file names, aliases and fields of logs, so only plain characters are let in.
 */
#include "paths/dirs.h"

#include <string.h>

#define MAX_NAME_BYTES 64

static bool
is_name_character(char c)
{
    return g_ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
}

bool
paths_name_is_valid(const char *name, GError **error)
{
    const char *problem = NULL;
    if (!name || name[0] == '\0')
        problem = "is empty";
    else if (strnlen(name, MAX_NAME_BYTES + 1) > MAX_NAME_BYTES)
        problem = "is longer than 64 bytes";
    else if (name[0] == '.' || name[0] == '-')
        problem = "starts with '.' or '-'";
    for (const char *c = name; !problem && *c; c++)
        if (!is_name_character(*c))
            problem = "has characters other than letters, digits, '.', '_' and '-'";
    if (!problem)
        return true;
    g_autofree char *start = g_strndup(name ? name : "", MAX_NAME_BYTES);
    g_autofree char *shown = g_strescape(start, NULL);
    g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "The guest name \"%s\" %s", shown, problem);
    return false;
}
