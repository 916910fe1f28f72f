/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/filters.h"

#include <glib.h>

#include "process/field.h"
#include "process/read.h"

#define MAX_STATUS_BYTES (2 * 1024 * 1024)
#define MODE_FILTER '2'

bool
process_filters_count(pid_t pid, unsigned *ret_n)
{
    g_autofree char *status = process_read_proc(pid, "status", MAX_STATUS_BYTES, NULL, NULL);
    const char *count = status ? process_field_find(status, "Seccomp_filters:") : NULL;
    const char *mode = status ? process_field_find(status, "Seccomp:") : NULL;

    if (!count && !mode)
        return false;
    *ret_n = count ? (unsigned)g_ascii_strtoull(count, NULL, 10) : *mode == MODE_FILTER;
    return true;
}
