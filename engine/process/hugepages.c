/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/hugepages.h"

#include "process/read.h"

static bool
read_count(guint64 page_size_bytes, const char *name, guint64 *ret_count)
{
    g_autofree char *path = g_strdup_printf("/sys/kernel/mm/hugepages/hugepages-%" G_GUINT64_FORMAT "kB/%s",
                                            page_size_bytes / 1024, name);
    g_autofree char *text = process_read_file(path, 64, NULL, NULL);

    return text && g_ascii_string_to_unsigned(g_strchomp(text), 10, 0, G_MAXUINT64, ret_count, NULL);
}

bool
process_hugepages_get_free(guint64 page_size_bytes, guint64 *ret_bytes)
{
    guint64 free_pages = 0, reserved = 0, overcommit = 0, surplus = 0;

    *ret_bytes = 0;
    if (!read_count(page_size_bytes, "free_hugepages", &free_pages) ||
        !read_count(page_size_bytes, "resv_hugepages", &reserved))
        return false;
    if (read_count(page_size_bytes, "nr_overcommit_hugepages", &overcommit))
        read_count(page_size_bytes, "surplus_hugepages", &surplus);
    *ret_bytes = (free_pages - MIN(free_pages, reserved) + overcommit - MIN(overcommit, surplus)) * page_size_bytes;
    return true;
}
