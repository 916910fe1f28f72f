/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/error.h"

#include <errno.h>

G_DEFINE_QUARK(moult - paths - error - quark, paths_error)

static PathsError
code_of_errno(int error_number)
{
    switch (error_number) {
    case ENOSPC:
    case EDQUOT:
        return PATHS_ERROR_NO_SPACE;
    case ENOENT:
        return PATHS_ERROR_MISSING;
    case EEXIST:
    case EADDRINUSE:
        return PATHS_ERROR_EXISTS;
    case ELOOP:
    case ENOTDIR: /* what O_DIRECTORY | O_NOFOLLOW says of a symlink */
        return PATHS_ERROR_UNSAFE;
    default:
        return PATHS_ERROR_FAILED;
    }
}

void
paths_set_errno(GError **error, int error_number, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, PATHS_ERROR, code_of_errno(error_number), "%s: %s", text, g_strerror(error_number));
}
