/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain ids as text, the one way they are written: digits, no sign, no leading zero, from 1 on. Internal to paths/.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

static inline bool paths_decimal_parse(const char *text, guint64 max, guint64 *ret_number)
{
    if (text[0] < '1' || text[0] > '9')
        return false;
    return g_ascii_string_to_unsigned(text, 10, 1, max, ret_number, NULL);
}
