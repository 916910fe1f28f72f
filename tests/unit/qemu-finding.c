/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qemu/finding.h"

static void
first_block_is_found_among_others(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) findings = qemu_findings_new();

    assert_null(qemu_findings_get_block(findings));
    qemu_findings_add(findings, QEMU_FINDING_OK, "machine-known", NULL, "machine type %s is known",
                      "pc-q35-7.2");
    qemu_findings_add(findings, QEMU_FINDING_WARN, "tcg", "nothing", "slow");
    assert_null(qemu_findings_get_block(findings));
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "ram-not-shared", "restart it", "%d MiB are private",
                      512);
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "second", NULL, "x");
    assert_string_equal(qemu_findings_get_block(findings)->code, "ram-not-shared");
    assert_string_equal(qemu_findings_get_block(findings)->reason, "512 MiB are private");
}

static void
json_rows_have_null_for_no_hint_and_valid_utf8(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) findings = qemu_findings_new();

    qemu_findings_add(findings, QEMU_FINDING_WARN, "odd", NULL, "said \"\xff\"");
    json_object *rows = qemu_findings_to_json(findings);
    assert_string_equal(
        json_object_to_json_string_ext(rows, JSON_C_TO_STRING_PLAIN),
        "[{\"level\":\"WARN\",\"code\":\"odd\",\"reason\":\"said \\\"\xef\xbf\xbd\\\"\",\"hint\":null}]");
    json_object_put(rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_block_is_found_among_others),
        cmocka_unit_test(json_rows_have_null_for_no_hint_and_valid_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
