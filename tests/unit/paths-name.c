/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths-helper.h"

static void
plain_names_are_accepted(void **state)
{
    (void)state;
    const char *names[] = {"a", "web1", "Web-1_x.y", "0", "_", "a..b", "a-"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        assert_true(paths_name_is_valid(names[i], NULL));
}

static void
names_of_64_bytes_are_the_longest(void **state)
{
    (void)state;
    g_autofree char *name = g_strnfill(65, 'x');
    assert_false(paths_name_is_valid(name, NULL));
    name[64] = '\0';
    assert_true(paths_name_is_valid(name, NULL));
}

static void
names_that_are_paths_options_or_binary_are_refused(void **state)
{
    (void)state;
    const char *names[] = {"",    ".",    "..",   ".hidden", "-x",    "a/b",      "/",
                           "a b", "a\nb", "a\tb", "a\x1b",   "a\x7f", "\xc3\xa4", "a\xff",
                           "a:b", "a\\b", "a*",   "../x",    "x/..",  "a%n"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(paths_name_is_valid(names[i], &error));
        assert_error(error, PATHS_ERROR_INVALID);
    }
    assert_false(paths_name_is_valid(NULL, NULL));
}

static void
messages_show_no_control_characters_of_the_name(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autofree char *filling = g_strnfill(100000, 'x');
    g_autofree char *name = g_strconcat("a\x1b[31m\n", filling, NULL);
    assert_false(paths_name_is_valid(name, &error));
    assert_null(strchr(error->message, '\x1b'));
    assert_null(strchr(error->message, '\n'));
    assert_true(strlen(error->message) < 300);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_accepted),
        cmocka_unit_test(names_of_64_bytes_are_the_longest),
        cmocka_unit_test(names_that_are_paths_options_or_binary_are_refused),
        cmocka_unit_test(messages_show_no_control_characters_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
