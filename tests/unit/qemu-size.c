/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qemu/argv-size.h"
#include "qemu/plan.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

typedef struct {
    const char *text;
    char unit;
    guint64 bytes;
} Case;

static void
sizes_are_read_as_qemu_reads_them(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"0", 'B', 0},
        {"512", 'B', 512},
        {"512", 'M', 512 * MIB},
        {"1B", 'M', 1},
        {"4k", 'B', 4096},
        {"4K", 'B', 4096},
        {"1.5G", 'B', 1536 * MIB},
        {"1.G", 'B', 1024 * MIB},
        {".5M", 'B', MIB / 2},
        {"0.1k", 'B', 102},  /* 102.4 */
        {"0.55k", 'B', 563}, /* 563.2 */
        {"2T", 'B', 2 * MIB * MIB},
        {"1E", 'B', G_GUINT64_CONSTANT(1) << 60},
        {"15E", 'B', G_GUINT64_CONSTANT(15) << 60},
        {"18446744073709551615", 'B', G_MAXUINT64},
        {"0x20000000", 'B', 512 * MIB},
        {"0XfF", 'B', 255},
        {"007", 'B', 7},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint64 bytes = 1;
        if (!qemu_size_parse(cases[i].text, cases[i].unit, &bytes, &error))
            fail_msg("%s: %s", cases[i].text, error->message);
        if (bytes != cases[i].bytes)
            fail_msg("%s: %" G_GUINT64_FORMAT, cases[i].text, bytes);
    }
}

static void
what_is_no_size_is_refused_and_the_output_untouched(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "G",
        ".",
        ".G",
        "-1",
        "1X",
        "1GB",
        "1 G",
        " 1",
        "16E",
        "0x",
        "0x1G",
        "1.5",
        "0xg",
        "1..5G",
        "1e3",
        "+1",
        "18446744073709551616",
        "12345678901234567890123456789012345678901234567890123456789012345",
        "1,5G",
        "99999999999E",
        "0.5",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        guint64 bytes = 4711;
        if (qemu_size_parse(bad[i], 'B', &bytes, &error))
            fail_msg("“%s” was taken as %" G_GUINT64_FORMAT, bad[i], bytes);
        assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS));
        assert_true(bytes == 4711);
    }
}

static void
memory_without_a_suffix_is_in_mib(void **state)
{
    (void)state;
    guint64 bytes = 0;

    assert_true(qemu_size_parse_memory("512", &bytes, NULL));
    assert_true(bytes == 512 * MIB);
    assert_true(qemu_size_parse_memory("1.5", &bytes, NULL));
    assert_true(bytes == MIB + MIB / 2);
    assert_true(qemu_size_parse_memory("1G", &bytes, NULL));
    assert_true(bytes == 1024 * MIB);
    assert_true(qemu_size_parse_memory("1048576B", &bytes, NULL));
    assert_true(bytes == MIB);
    assert_false(qemu_size_parse_memory("0x20000000", &bytes, NULL)); /* 0x20000000M, since QEMU 8.0 */
    assert_false(qemu_size_parse_memory("99999999999999", &bytes, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read_as_qemu_reads_them),
        cmocka_unit_test(what_is_no_size_is_refused_and_the_output_untouched),
        cmocka_unit_test(memory_without_a_suffix_is_in_mib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
