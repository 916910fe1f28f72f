/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "qmp/text.h"

static void
assert_quoted(const char *text, size_t max_bytes, const char *expected)
{
    g_autofree char *quoted = qmp_text_quote(text, max_bytes);

    assert_string_equal(quoted, expected);
}

static void
plain_text_stays(void **state)
{
    (void)state;
    assert_quoted(NULL, 80, "");
    assert_quoted("", 80, "");
    assert_quoted("Failed to load virtio-blk:virtio", 80, "Failed to load virtio-blk:virtio");
    assert_quoted("gr\303\274n \360\237\230\200", 80, "gr\303\274n \360\237\230\200");
}

static void
unprintable_is_written_out(void **state)
{
    (void)state;
    assert_quoted("a\nb\r\tc", 80, "a\\nb\\r\\tc");
    assert_quoted("\033[31mred\177", 80, "\\x1b[31mred\\x7f");
    assert_quoted("right\342\200\256left", 80, "right\\u{202e}left");
    assert_quoted("\302\205", 80, "\\u{85}"); /* a C1 control */
    assert_quoted("\377\303", 80, "\\xff\\xc3");
    assert_quoted("\355\240\200", 80, "\\xed\\xa0\\x80"); /* a surrogate */

    g_autofree char *with_nul = qmp_text_quote_bytes("a\0b", 3, 80);
    assert_string_equal(with_nul, "a\\x00b");
}

static void
long_text_is_cut_between_characters(void **state)
{
    (void)state;
    assert_quoted("0123456789", 10, "0123456789");
    assert_quoted("01234567890", 10, "0123456...");
    assert_quoted("012345\303\274\303\274\303\274", 10, "012345...");
    assert_quoted("01234\n\n\n\n", 10, "01234\\n...");
    assert_quoted("0123456789", 3, "...");
    assert_quoted("0123456789", 0, "");
}

static void
a_name_has_no_controls_and_an_end(void **state)
{
    (void)state;
    assert_true(qmp_text_is_plain("", 4));
    assert_true(qmp_text_is_plain("pc-q", 4));
    assert_false(qmp_text_is_plain("pc-q3", 4));
    assert_false(qmp_text_is_plain("a\nb", 4));
    assert_false(qmp_text_is_plain("\302\205", 4));
    assert_false(qmp_text_is_plain("\377", 4));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(unprintable_is_written_out),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(a_name_has_no_controls_and_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
