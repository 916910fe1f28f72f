/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths-helper.h"

static void
overrides_are_the_places(void **state)
{
    Place *place = *state;
    g_autofree char *instances = g_build_filename(place->base, "run", "instances", NULL);
    g_autofree char *history = g_build_filename(place->base, "state", "history.jsonl", NULL);
    g_autofree char *definitions = g_build_filename(place->base, "config", "guests", NULL);
    assert_string_equal(place->dirs->instances, instances);
    assert_string_equal(place->dirs->history, history);
    assert_string_equal(place->dirs->definitions, definitions);
}

static void
nothing_is_touched_before_create(void **state)
{
    Place *place = *state;
    assert_int_equal(count_entries(place->base), 0);
}

static void
relative_override_is_refused_by_name(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_setenv("MOULT_STATE_DIR", "state", TRUE);
    assert_null(paths_dirs_new(&error));
    assert_non_null(strstr(error->message, "MOULT_STATE_DIR"));
    assert_error(error, PATHS_ERROR_INVALID);
}

static void
dots_and_slashes_of_an_override_are_resolved(void **state)
{
    (void)state;
    g_setenv("MOULT_RUNTIME_DIR", "/a//b/../c/", TRUE);
    g_autoptr(PathsDirs) dirs = paths_dirs_new(NULL);
    assert_string_equal(dirs->runtime, "/a/c");
    assert_string_equal(dirs->control_socket, "/a/c/control.sock");
}

/* In a child that is no longer root: 0 when the places are those below the XDG variables. */
static int
look_as_user(void *unused)
{
    (void)unused;
    if (geteuid() == 0 && (setgid(12345) < 0 || setuid(12345) < 0))
        return 1;
    g_unsetenv("MOULT_RUNTIME_DIR");
    g_unsetenv("MOULT_STATE_DIR");
    g_unsetenv("MOULT_CONFIG_DIR");
    g_setenv("XDG_RUNTIME_DIR", "/run/user/12345", TRUE);
    g_setenv("XDG_STATE_HOME", "not/absolute", TRUE);
    g_unsetenv("XDG_CONFIG_HOME");
    g_setenv("HOME", "/home/somebody", TRUE);
    g_autoptr(PathsDirs) dirs = paths_dirs_new(NULL);
    if (!dirs || strcmp(dirs->runtime, "/run/user/12345/moult") != 0 ||
        strcmp(dirs->state, "/home/somebody/.local/state/moult") != 0 ||
        strcmp(dirs->config, "/home/somebody/.config/moult") != 0)
        return 2;
    g_autoptr(GError) error = NULL;
    g_unsetenv("XDG_RUNTIME_DIR");
    g_autoptr(PathsDirs) none = paths_dirs_new(&error);
    return none || !g_error_matches(error, PATHS_ERROR, PATHS_ERROR_INVALID) ? 3 : 0;
}

static void
a_user_has_them_below_xdg(void **state)
{
    (void)state;
    assert_int_equal(in_child(look_as_user, NULL), 0);
}

static void
modes_are_exact_whatever_the_umask(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 2; i++) { /* the second time everything exists */
        mode_t old = umask(0077);
        bool ok = paths_dirs_create(place->dirs, &error);
        umask(old);
        assert_ok(ok, error);
        assert_int_equal(mode_of(place->dirs->runtime), 0711);
        assert_int_equal(mode_of(place->dirs->instances), 0711);
        assert_int_equal(mode_of(place->dirs->guests), 0711);
        assert_int_equal(mode_of(place->dirs->journal), 0700);
        assert_int_equal(mode_of(place->dirs->state), 0700);
        assert_int_equal(mode_of(place->dirs->definitions), 0700);
        assert_int_equal(mode_of(place->dirs->cache), 0700);
    }
}

static void
folder_writable_for_others_is_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    assert_int_equal(chmod(place->dirs->journal, 0777), 0);
    assert_false(paths_dirs_create(place->dirs, &error));
    assert_non_null(strstr(error->message, place->dirs->journal));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_int_equal(chmod(place->dirs->journal, 01777), 0); /* sticky makes no folder of ours safe */
    assert_false(paths_dirs_create(place->dirs, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
}

static void
symlink_in_place_of_a_folder_is_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *elsewhere = g_build_filename(place->base, "elsewhere", NULL);
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    assert_int_equal(rmdir(place->dirs->instances), 0);
    assert_int_equal(symlink(elsewhere, place->dirs->instances), 0);
    assert_false(paths_dirs_create(place->dirs, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
}

static void
file_in_place_of_a_folder_is_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    assert_int_equal(rmdir(place->dirs->guests), 0);
    assert_true(g_file_set_contents(place->dirs->guests, "x", 1, NULL));
    assert_false(paths_dirs_create(place->dirs, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
}

static void
sweep_removes_what_a_crash_left_and_nothing_else(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *left = g_build_filename(place->dirs->journal, ".1.json.4711-0.tmp", NULL);
    g_autofree char *kept = g_build_filename(place->dirs->journal, "1.json", NULL);
    g_autofree char *link = g_build_filename(place->dirs->guests, ".web1.4711-1.tmp", NULL);
    assert_true(g_file_set_contents(left, "half", 4, NULL));
    assert_true(g_file_set_contents(kept, "whole", 5, NULL));
    assert_int_equal(symlink("../instances/7", link), 0);
    assert_ok(paths_dirs_sweep(place->dirs, &error), error);
    assert_false(exists(left));
    assert_false(exists(link));
    assert_content(kept, "whole");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(overrides_are_the_places, place_setup_empty, place_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_touched_before_create, place_setup_empty, place_teardown),
        cmocka_unit_test_setup_teardown(relative_override_is_refused_by_name, place_setup_empty,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(dots_and_slashes_of_an_override_are_resolved, place_setup_empty,
                                        place_teardown),
        cmocka_unit_test(a_user_has_them_below_xdg),
        cmocka_unit_test_setup_teardown(modes_are_exact_whatever_the_umask, place_setup_empty,
                                        place_teardown),
        place_test(folder_writable_for_others_is_refused),
        place_test(symlink_in_place_of_a_folder_is_refused),
        place_test(file_in_place_of_a_folder_is_refused),
        place_test(sweep_removes_what_a_crash_left_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
