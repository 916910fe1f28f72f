/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host without SELinux is promised, in either build. A host with it needs a policy to test against.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "selinux/label.h"

static void
process_has_no_label_and_that_is_no_error(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    if (selinux_label_is_active())
        skip();
    assert_null(selinux_label_dup_of_process(getpid(), &error));
    assert_null(error);
}

static void
labelling_a_file_does_nothing(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    if (selinux_label_is_active())
        skip();
    assert_true(selinux_label_set_file("/nonexistent", "system_u:system_r:svirt_t:s0:c1,c2", &error));
    assert_null(error);
}

static void
anything_may_run(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    if (selinux_label_is_active())
        skip();
    assert_true(selinux_label_set_fd(-1, "system_u:system_r:svirt_t:s0:c1,c2", &error));
    assert_true(selinux_label_may_run("system_u:system_r:svirt_t:s0:c1,c2", "/nonexistent", &error));
    assert_null(error);
}

static void
no_process_label_means_no_file_label(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_true(selinux_label_set_file("/nonexistent", NULL, &error));
    assert_null(error);
}

static void
own_label_is_a_full_context_where_active(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    if (!selinux_label_is_active())
        skip();
    g_autofree char *context = selinux_label_dup_of_process(getpid(), &error);
    assert_non_null(context);
    g_auto(GStrv) parts = g_strsplit(context, ":", -1);
    assert_true(g_strv_length(parts) >= 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_has_no_label_and_that_is_no_error),
        cmocka_unit_test(labelling_a_file_does_nothing),
        cmocka_unit_test(anything_may_run),
        cmocka_unit_test(no_process_label_means_no_file_label),
        cmocka_unit_test(own_label_is_a_full_context_where_active),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
