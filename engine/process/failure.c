/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/failure.h"

#include <errno.h>

G_DEFINE_QUARK(moult - process - error - quark, process_error)

static ProcessError
code_from_errno(int errnum)
{
    switch (errnum) {
    case ESRCH:
    case ENOENT:
        return PROCESS_ERROR_GONE;
    case EPERM:
    case EACCES:
        return PROCESS_ERROR_FORBIDDEN;
    default:
        return PROCESS_ERROR_FAILED;
    }
}

void
process_set_error_errno(GError **error, int errnum, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, PROCESS_ERROR, (int)code_from_errno(errnum), "%s: %s", what, g_strerror(errnum));
}
