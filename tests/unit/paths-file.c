/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths-helper.h"

#include <pthread.h>

#include "paths/lock.h"

static char *
path_of(const Place *place, const char *name)
{
    return g_build_filename(place->dirs->state, name, NULL);
}

static bool
replace(const char *path, const char *text, GError **error)
{
    return paths_file_replace(path, text, strlen(text), 0640, error);
}

static void
replace_creates_then_replaces_and_leaves_nothing_else(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "record");
    g_autoptr(GError) error = NULL;
    guint before = count_entries(place->dirs->state);
    mode_t old = umask(0777);
    bool ok = replace(path, "one", &error) && replace(path, "two", &error);
    umask(old);
    assert_ok(ok, error);
    assert_content(path, "two");
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(count_entries(place->dirs->state), before + 1);
}

static void
replace_puts_a_file_where_a_symlink_was(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "record");
    g_autofree char *victim = path_of(place, "victim");
    g_autoptr(GError) error = NULL;
    assert_true(g_file_set_contents(victim, "precious", -1, NULL));
    assert_int_equal(symlink(victim, path), 0);
    assert_ok(replace(path, "new", &error), error);
    assert_content(victim, "precious");
    assert_content(path, "new");
    assert_false(g_file_test(path, G_FILE_TEST_IS_SYMLINK));
}

static void
replace_over_a_folder_fails_and_leaves_no_temporary(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    guint before = count_entries(place->dirs->state);
    assert_false(replace(place->dirs->cache, "x", &error));
    assert_non_null(error);
    assert_int_equal(count_entries(place->dirs->state), before);
}

static void
writing_where_others_may_write_is_refused(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "record");
    g_autoptr(GError) error = NULL;
    assert_int_equal(chmod(place->dirs->state, 0757), 0);
    assert_false(replace(path, "x", &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_false(paths_file_append(path, "x\n", 2, 0600, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_int_equal(chmod(place->dirs->state, 01777), 0);
    assert_ok(replace(path, "x", &error), error); /* as /tmp */
}

static void
paths_without_a_file_name_are_refused(void **state)
{
    (void)state;
    const char *paths[] = {"record", "", "/tmp/", "/tmp/.", "/tmp/..", "/"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(replace(paths[i], "x", &error));
        assert_error(error, PATHS_ERROR_INVALID);
    }
}

static void
read_gives_the_bytes_and_a_final_nul(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "record");
    g_autoptr(GError) error = NULL;
    assert_ok(paths_file_replace(path, "a\0b", 3, 0600, &error), error);
    size_t size = 0;
    g_autofree char *data = paths_file_read(path, 3, &size, &error);
    assert_non_null(data);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "a\0b", 4);
}

static void
read_refuses_one_byte_too_many_and_accepts_none(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "record");
    g_autoptr(GError) error = NULL;
    assert_ok(replace(path, "1234", &error), error);
    size_t size = 99;
    assert_null(paths_file_read(path, 3, &size, &error));
    assert_int_equal(size, 99);
    assert_error(error, PATHS_ERROR_INVALID);
    assert_ok(replace(path, "", &error), error);
    g_autofree char *empty = paths_file_read(path, 0, &size, &error);
    assert_string_equal(empty, "");
    assert_int_equal(size, 0);
}

static void
read_tail_gives_the_end_of_a_long_file(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "log");
    g_autoptr(GError) error = NULL;
    assert_ok(replace(path, "first\nlast\n", &error), error);
    g_autofree char *tail = paths_file_read_tail(path, 5, NULL, &error);
    assert_string_equal(tail, "last\n");
    g_autofree char *whole = paths_file_read_tail(path, 500, NULL, &error);
    assert_string_equal(whole, "first\nlast\n");
}

static void
read_says_when_there_is_none(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "record");
    g_autoptr(GError) error = NULL;
    assert_null(paths_file_read(path, 10, NULL, &error));
    assert_error(error, PATHS_ERROR_MISSING);
}

static void
read_refuses_symlinks_fifos_folders_and_foreign_writers(void **state)
{
    Place *place = *state;
    g_autofree char *path = path_of(place, "record");
    g_autofree char *link = path_of(place, "link");
    g_autofree char *fifo = path_of(place, "fifo");
    g_autoptr(GError) error = NULL;
    assert_ok(replace(path, "x", &error), error);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_null(paths_file_read(link, 10, NULL, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_null(paths_file_read(fifo, 10, NULL, &error)); /* and does not wait for a writer */
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_null(paths_file_read(place->dirs->cache, 10, NULL, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_int_equal(chmod(path, 0602), 0);
    assert_null(paths_file_read(path, 10, NULL, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
}

static void
append_keeps_records_and_parts_a_torn_one(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    const char *path = place->dirs->history;
    assert_ok(paths_file_append(path, "one\n", 4, 0600, &error), error);
    assert_ok(paths_file_append(path, "two\n", 4, 0600, &error), error);
    assert_content(path, "one\ntwo\n");
    assert_int_equal(truncate(path, 6), 0);
    assert_ok(paths_file_append(path, "three\n", 6, 0600, &error), error);
    assert_content(path, "one\ntw\nthree\n");
}

static void *
append_many(void *path)
{
    for (int i = 0; i < 50; i++)
        if (!paths_file_append(path, "0123456789\n", 11, 0600, NULL))
            return NULL;
    return path;
}

static void
append_from_several_threads_mixes_no_records(void **state)
{
    Place *place = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, place->dirs->history), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    g_autofree char *text = paths_file_read(place->dirs->history, 1 << 20, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    assert_int_equal(g_strv_length(lines), 201);
    for (int i = 0; i < 200; i++)
        assert_string_equal(lines[i], "0123456789");
}

static void
append_through_a_symlink_is_refused(void **state)
{
    Place *place = *state;
    g_autofree char *victim = path_of(place, "victim");
    g_autoptr(GError) error = NULL;
    assert_true(g_file_set_contents(victim, "precious", -1, NULL));
    assert_int_equal(symlink(victim, place->dirs->history), 0);
    assert_false(paths_file_append(place->dirs->history, "x\n", 2, 0600, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_content(victim, "precious");
}

static void
remove_twice_is_fine_and_a_symlink_is_not_followed(void **state)
{
    Place *place = *state;
    g_autofree char *victim = path_of(place, "victim");
    g_autofree char *link = path_of(place, "link");
    g_autofree char *nowhere = g_build_filename(place->base, "no", "such", NULL);
    g_autoptr(GError) error = NULL;
    assert_true(g_file_set_contents(victim, "precious", -1, NULL));
    assert_int_equal(symlink(victim, link), 0);
    assert_ok(paths_file_remove(link, &error), error);
    assert_ok(paths_file_remove(link, &error), error);
    assert_ok(paths_file_remove(nowhere, &error), error);
    assert_false(exists(link));
    assert_content(victim, "precious");
}

static void
lock_is_exclusive_until_its_descriptor_closes(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    int first = paths_lock_acquire(place->dirs->lock, 0, &error);
    assert_true(first >= 0);
    assert_int_equal(paths_lock_acquire(place->dirs->lock, 0, &error), -1);
    assert_error(error, PATHS_ERROR_BUSY);
    close(first);
    int second = paths_lock_acquire(place->dirs->lock, 0, &error);
    assert_true(second >= 0);
    close(second);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(replace_creates_then_replaces_and_leaves_nothing_else),
        place_test(replace_puts_a_file_where_a_symlink_was),
        place_test(replace_over_a_folder_fails_and_leaves_no_temporary),
        place_test(writing_where_others_may_write_is_refused),
        place_test(paths_without_a_file_name_are_refused),
        place_test(read_gives_the_bytes_and_a_final_nul),
        place_test(read_refuses_one_byte_too_many_and_accepts_none),
        place_test(read_tail_gives_the_end_of_a_long_file),
        place_test(read_says_when_there_is_none),
        place_test(read_refuses_symlinks_fifos_folders_and_foreign_writers),
        place_test(append_keeps_records_and_parts_a_torn_one),
        place_test(append_from_several_threads_mixes_no_records),
        place_test(append_through_a_symlink_is_refused),
        place_test(remove_twice_is_fine_and_a_symlink_is_not_followed),
        place_test(lock_is_exclusive_until_its_descriptor_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
