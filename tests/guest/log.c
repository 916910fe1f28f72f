/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines on the console: one write each, so that lines of several threads do not mix. */
#include "guest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *
log_errno(void)
{
    return strerrordesc_np(errno);
}

void
log_line(const char *format, ...)
{
    static const char prefix[] = "moult-guest: ";
    char line[512];
    va_list list;

    memcpy(line, prefix, sizeof(prefix));
    size_t used = sizeof(prefix) - 1;

    va_start(list, format);
    int length = vsnprintf(line + used, sizeof(line) - used - 1, format, list);
    va_end(list);
    if (length < 0)
        return;
    used = strlen(line);
    line[used++] = '\n';

    /* A console that takes nothing is no reason to stop. */
    ssize_t ignored = write(STDOUT_FILENO, line, used);
    (void)ignored;
}
