/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of quirks: its bounds, and that every row says what a person needs to know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qemu/quirks.h"

static bool
loses_pages(int major, int minor, int micro, QemuAccelerator accelerator)
{
    const QemuVersion version = {major, minor, micro};

    return qemu_quirk_find(QEMU_QUIRK_LIVE_COPY_LOSES_PAGES, &version, accelerator) != NULL;
}

static void
live_copy_under_tcg_is_broken_before_9_0(void **state G_GNUC_UNUSED)
{
    assert_true(loses_pages(7, 2, 22, QEMU_ACCELERATOR_TCG));
    assert_true(loses_pages(8, 2, 9, QEMU_ACCELERATOR_TCG));
    assert_false(loses_pages(9, 0, 0, QEMU_ACCELERATOR_TCG));
    assert_false(loses_pages(10, 0, 2, QEMU_ACCELERATOR_TCG));
}

static void
an_accelerator_that_does_not_have_it_is_spared(void **state G_GNUC_UNUSED)
{
    assert_false(loses_pages(7, 2, 22, QEMU_ACCELERATOR_KVM));
}

static void
an_unknown_accelerator_has_what_any_has(void **state G_GNUC_UNUSED)
{
    assert_true(loses_pages(7, 2, 22, QEMU_ACCELERATOR_UNKNOWN));
    assert_false(loses_pages(10, 0, 2, QEMU_ACCELERATOR_UNKNOWN));
}

static void
a_lower_bound_is_the_first_version_with_it(void **state G_GNUC_UNUSED)
{
    const QemuVersion before = {8, 0, 5}, first = {8, 1, 0}, later = {10, 0, 2};

    assert_null(qemu_quirk_find(QEMU_QUIRK_UNNAMED_SHARED_IS_COPIED, &before, QEMU_ACCELERATOR_KVM));
    assert_null(qemu_quirk_find(QEMU_QUIRK_LIVE_COPY_OF_SEVERAL, &(QemuVersion){10, 0, 2}, QEMU_ACCELERATOR_KVM));
    assert_non_null(qemu_quirk_find(QEMU_QUIRK_LIVE_COPY_OF_SEVERAL, &(QemuVersion){10, 0, 2}, QEMU_ACCELERATOR_TCG));
    assert_non_null(qemu_quirk_find(QEMU_QUIRK_UNNAMED_SHARED_IS_COPIED, &first, QEMU_ACCELERATOR_KVM));
    assert_non_null(qemu_quirk_find(QEMU_QUIRK_UNNAMED_SHARED_IS_COPIED, &later, QEMU_ACCELERATOR_TCG));
}

static void
every_quirk_is_in_the_table_and_says_what_how_and_why(void **state G_GNUC_UNUSED)
{
    bool seen[QEMU_QUIRK_N] = {false};
    gsize n = 0;
    const QemuQuirk *rows = qemu_quirk_list(&n);

    for (gsize i = 0; i < n; i++) {
        assert_in_range(rows[i].id, 0, QEMU_QUIRK_N - 1);
        seen[rows[i].id] = true;
        assert_true(rows[i].broken && *rows[i].broken);
        assert_true(rows[i].instead && *rows[i].instead);
        assert_true(rows[i].established && *rows[i].established);
    }
    for (int id = 0; id < QEMU_QUIRK_N; id++)
        assert_true(seen[id]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_copy_under_tcg_is_broken_before_9_0),
        cmocka_unit_test(an_accelerator_that_does_not_have_it_is_spared),
        cmocka_unit_test(an_unknown_accelerator_has_what_any_has),
        cmocka_unit_test(a_lower_bound_is_the_first_version_with_it),
        cmocka_unit_test(every_quirk_is_in_the_table_and_says_what_how_and_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
