/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "selinux/context.h"

/* As Fedora's and Debian's policies have them. */
#define DOMAINS "system_u:system_r:svirt_t:s0\nsystem_u:system_r:svirt_tcg_t:s0\n"
#define IMAGES "system_u:object_r:svirt_image_t:s0\nsystem_u:object_r:virt_content_t:s0\n"

static void
range_may_hold_colons(void **state)
{
    (void)state;
    g_auto(SelinuxContext) context = {0};
    assert_true(selinux_context_parse("system_u:system_r:svirt_t:s0-s0:c1,c2", &context));
    assert_string_equal(context.type, "svirt_t");
    assert_string_equal(context.range, "s0-s0:c1,c2");
    g_autofree char *text = selinux_context_to_string(&context);
    assert_string_equal(text, "system_u:system_r:svirt_t:s0-s0:c1,c2");
}

static void
policy_without_levels_has_no_range(void **state)
{
    (void)state;
    g_auto(SelinuxContext) context = {0};
    assert_true(selinux_context_parse("u:r:t", &context));
    assert_null(context.range);
    g_autofree char *text = selinux_context_to_string(&context);
    assert_string_equal(text, "u:r:t");
}

static void
incomplete_contexts_are_refused(void **state)
{
    (void)state;
    const char *texts[] = {"", "u", "u:r", "u:r:", ":r:t", "u::t", "u:r:t:", "unlabeled"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        SelinuxContext context = {0};
        assert_false(selinux_context_parse(texts[i], &context));
        assert_null(context.user);
    }
}

static void
image_has_the_processs_categories(void **state)
{
    (void)state;
    g_autofree char *kvm =
        selinux_context_derive_image("system_u:system_r:svirt_t:s0:c392,c662", DOMAINS, IMAGES);
    assert_string_equal(kvm, "system_u:object_r:svirt_image_t:s0:c392,c662");
    g_autofree char *tcg =
        selinux_context_derive_image("system_u:system_r:svirt_tcg_t:s0:c1,c2", DOMAINS, IMAGES);
    assert_string_equal(tcg, "system_u:object_r:svirt_image_t:s0:c1,c2");
}

static void
comments_blanks_and_rubbish_in_the_policy_are_passed_over(void **state)
{
    (void)state;
    g_autofree char *context = selinux_context_derive_image(
        "system_u:system_r:svirt_t:s0:c1", "# virtual machines\n\n  system_u:system_r:svirt_t:s0  \r\n",
        "\n#x:y:z\nrubbish\n\tsystem_u:object_r:svirt_image_t:s0\n");
    assert_string_equal(context, "system_u:object_r:svirt_image_t:s0:c1");
}

static void
other_processes_get_no_image_label(void **state)
{
    (void)state;
    assert_null(selinux_context_derive_image("unconfined_u:unconfined_r:unconfined_t:s0", DOMAINS, IMAGES));
    assert_null(selinux_context_derive_image("system_u:system_r:svirt_t_x:s0", DOMAINS, IMAGES));
    assert_null(selinux_context_derive_image("system_u:system_r:svirt_t:s0", "", IMAGES));
    assert_null(selinux_context_derive_image("system_u:system_r:svirt_t:s0", DOMAINS, ""));
    assert_null(selinux_context_derive_image("kernel", DOMAINS, IMAGES));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_may_hold_colons),
        cmocka_unit_test(policy_without_levels_has_no_range),
        cmocka_unit_test(incomplete_contexts_are_refused),
        cmocka_unit_test(image_has_the_processs_categories),
        cmocka_unit_test(comments_blanks_and_rubbish_in_the_policy_are_passed_over),
        cmocka_unit_test(other_processes_get_no_image_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
