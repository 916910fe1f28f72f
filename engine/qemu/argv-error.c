/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/argv-error.h"

#include "qmp/text.h"

bool
qemu_argv_fail(GError **error, QemuPlanError code, const char *format, ...)
{
    g_autofree char *message = NULL;
    g_autofree char *quoted = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    quoted = qmp_text_quote(message, QMP_TEXT_MESSAGE_MAX);
    g_set_error_literal(error, QEMU_PLAN_ERROR, (int)code, quoted);
    return false;
}
