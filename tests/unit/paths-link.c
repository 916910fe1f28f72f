/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths-helper.h"

static char *
path_of(const Place *place, const char *name)
{
    return g_build_filename(place->dirs->state, name, NULL);
}

static void
link_is_the_same_inode(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *old = path_of(place, "old");
    g_autofree char *new = path_of(place, "new");
    struct stat first, second;
    assert_true(g_file_set_contents(old, "x", 1, NULL));
    assert_ok(paths_link_file(old, new, &error), error);
    assert_int_equal(stat(old, &first) + stat(new, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_false(paths_link_file(old, new, &error));
    assert_error(error, PATHS_ERROR_EXISTS);
}

static void
link_of_a_symlink_or_folder_is_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *old = path_of(place, "old");
    g_autofree char *new = path_of(place, "new");
    assert_int_equal(symlink("/etc/passwd", old), 0);
    assert_false(paths_link_file(old, new, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_false(paths_link_file(place->dirs->cache, new, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_false(exists(new));
}

static void
link_of_nothing_is_missing(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *old = path_of(place, "old");
    g_autofree char *new = path_of(place, "new");
    assert_false(paths_link_file(old, new, &error));
    assert_error(error, PATHS_ERROR_MISSING);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(link_is_the_same_inode),
        place_test(link_of_a_symlink_or_folder_is_refused),
        place_test(link_of_nothing_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
