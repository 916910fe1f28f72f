/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/text.h"

#include <string.h>

#define ELLIPSIS "..."

/* Writes the character or broken byte at TEXT to OUT; returns the bytes it took. */
static size_t
text_append_one(GString *out, const char *text, size_t length)
{
    gunichar c = g_utf8_get_char_validated(text, (gssize)length);

    /* GLib calls a NUL inside LENGTH "partial" (-2) and anything broken -1. */
    if (c >= (gunichar)-2) {
        g_string_append_printf(out, "\\x%02x", (guint)(guchar)*text);
        return 1;
    }
    size_t used = (size_t)(g_utf8_next_char(text) - text);
    if (c == '\n')
        g_string_append(out, "\\n");
    else if (c == '\r')
        g_string_append(out, "\\r");
    else if (c == '\t')
        g_string_append(out, "\\t");
    else if (c < 0x20 || c == 0x7f)
        g_string_append_printf(out, "\\x%02x", c);
    else if (!g_unichar_isprint(c))
        g_string_append_printf(out, "\\u{%x}", c);
    else
        g_string_append_len(out, text, (gssize)used);
    return used;
}

char *
qmp_text_quote_bytes(const void *bytes, size_t length, size_t max_bytes)
{
    const char *text = bytes;
    GString *out = g_string_new(NULL);
    size_t room = max_bytes > strlen(ELLIPSIS) ? max_bytes - strlen(ELLIPSIS) : 0;
    size_t cut = 0; /* where the ellipsis goes, should the text turn out too long */

    for (size_t i = 0; i < length;) {
        i += text_append_one(out, text + i, length - i);
        if (out->len <= room)
            cut = out->len;
        if (out->len > max_bytes) {
            g_string_truncate(out, cut);
            g_string_append_len(out, ELLIPSIS, (gssize)MIN(strlen(ELLIPSIS), max_bytes));
            break;
        }
    }
    return g_string_free(out, FALSE);
}

char *
qmp_text_quote(const char *text, size_t max_bytes)
{
    return qmp_text_quote_bytes(text, text ? strlen(text) : 0, max_bytes);
}

bool
qmp_text_is_plain(const char *text, size_t max_bytes)
{
    size_t length = strnlen(text, max_bytes + 1);

    if (length > max_bytes || !g_utf8_validate(text, (gssize)length, NULL))
        return false;
    for (const char *p = text; *p; p = g_utf8_next_char(p))
        if (g_unichar_iscntrl(g_utf8_get_char(p)))
            return false;
    return true;
}
