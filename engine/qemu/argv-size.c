/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/argv-size.h"

#include <string.h>

#include "qemu/argv-error.h"

#define SIZE_TEXT_MAX_BYTES 64U

/* Power of 1024 of a suffix; -1 when C is none. */
static int
suffix_exponent(char c)
{
    const char *suffixes = "BKMGTPE";
    const char *found = c == '\0' ? NULL : strchr(suffixes, g_ascii_toupper(c));

    return found ? (int)(found - suffixes) : -1;
}

static bool
fail(const char *text, GError **error)
{
    return qemu_argv_fail(
        error, QEMU_PLAN_ERROR_ARGUMENTS,
        "“%.64s” is not a size: give a number with an optional suffix K, M, G or T, such as 512M or 4G",
        text);
}

/* Digits of BASE at *TEXT, advanced past them; FALSE when there are none or they overflow. */
static bool
read_digits(const char **text, unsigned base, guint64 *ret_value)
{
    const char *p = *text;
    guint64 value = 0;

    for (; g_ascii_isxdigit(*p) && g_ascii_xdigit_value(*p) < (int)base; p++) {
        if (!g_uint64_checked_mul(&value, value, base) ||
            !g_uint64_checked_add(&value, value, (guint64)g_ascii_xdigit_value(*p)))
            return false;
    }
    if (p == *text)
        return false;
    *text = p;
    *ret_value = value;
    return true;
}

/*
 * ".25" at *TEXT as a 64-bit fixed-point fraction. Digits beyond the eighteenth change nothing that matters:
 * the largest scale is 2^60.
 */
static guint64
read_fraction(const char **text)
{
    guint64 numerator = 0, denominator = 1;
    const char *p = *text + 1;

    for (; g_ascii_isdigit(*p); p++) {
        if (denominator < G_GUINT64_CONSTANT(1000000000000000000)) {
            numerator = numerator * 10 + (guint64)g_ascii_digit_value(*p);
            denominator *= 10;
        }
    }
    *text = p;
    return (guint64)(((unsigned __int128)numerator << 64) / denominator);
}

static bool
scale(guint64 whole, guint64 fraction, int exponent, guint64 *ret_size_bytes)
{
    unsigned shift = 10U * (unsigned)exponent;
    unsigned __int128 fixed = ((unsigned __int128)whole << 64) | fraction;

    /* 64.64 fixed point times 2^shift, rounded at one half as QEMU does; nothing may fall off the top. */
    if (shift > 0 ? fixed >> (128 - shift) != 0 : fraction != 0)
        return false;
    fixed <<= shift;
    if ((guint64)(fixed >> 64) == G_MAXUINT64 && ((guint64)fixed >> 63))
        return false;
    *ret_size_bytes = (guint64)(fixed >> 64) + ((guint64)fixed >> 63);
    return true;
}

bool
qemu_size_parse(const char *text, char default_suffix, guint64 *ret_size_bytes, GError **error)
{
    const char *p = text;
    guint64 whole = 0, fraction = 0, size_bytes;
    int exponent;

    if (strlen(text) > SIZE_TEXT_MAX_BYTES)
        return fail(text, error);
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        p += 2;
        if (!read_digits(&p, 16, &size_bytes) || *p != '\0')
            return fail(text, error);
        *ret_size_bytes = size_bytes;
        return true;
    }
    if (*p == '.' ? !g_ascii_isdigit(p[1]) : !read_digits(&p, 10, &whole))
        return fail(text, error);
    if (*p == '.')
        fraction = read_fraction(&p);
    exponent = suffix_exponent(*p);
    if (exponent >= 0)
        p++;
    else
        exponent = suffix_exponent(default_suffix);
    if (*p != '\0' || !scale(whole, fraction, exponent, &size_bytes))
        return fail(text, error);
    *ret_size_bytes = size_bytes;
    return true;
}

bool
qemu_size_parse_memory(const char *text, guint64 *ret_size_bytes, GError **error)
{
    size_t length = strlen(text);
    g_autofree char *in_mib = NULL;

    if (length > 0 && length < SIZE_TEXT_MAX_BYTES && g_ascii_isdigit(text[length - 1]))
        text = in_mib = g_strconcat(text, "M", NULL);
    return qemu_size_parse(text, 'B', ret_size_bytes, error);
}
