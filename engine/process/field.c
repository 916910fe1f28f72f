/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/field.h"

#include <string.h>

const char *
process_field_find(const char *text, const char *key)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (g_str_has_prefix(line, key)) {
            line += strlen(key);
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

bool
process_field_get_effective_id(const char *status, const char *key, guint32 *ret_id)
{
    const char *value = process_field_find(status, key);
    char *end;
    guint64 id;

    if (!value || !g_ascii_isdigit(*value))
        return false;
    g_ascii_strtoull(value, &end, 10);
    if (*end != '\t' || !g_ascii_isdigit(end[1]))
        return false;
    id = g_ascii_strtoull(end + 1, NULL, 10);
    if (id > G_MAXUINT32)
        return false;
    *ret_id = (guint32)id;
    return true;
}
