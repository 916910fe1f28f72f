/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file system without room: what was there stays whole, and nothing else is left. A tmpfs of a few pages in
 * a mount namespace of this process alone. Needs root.
 */
#include "paths-helper.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

#define SIZE_BYTES (64 * 1024)

static int
setup(void **state)
{
    place_setup_empty(state);
    Place *place = *state;
    g_autofree char *options = g_strdup_printf("size=%d,nr_inodes=64,mode=0711", SIZE_BYTES);
    assert_int_equal(mount("moult-test", place->base, "tmpfs", 0, options), 0);
    assert_true(paths_dirs_create(place->dirs, NULL));
    return 0;
}

static int
teardown(void **state)
{
    Place *place = *state;
    if (umount2(place->base, MNT_DETACH) < 0)
        return -1;
    return place_teardown(state);
}

/* Fills the file system to the last byte; the file's path, owned. */
static char *
fill(const Place *place)
{
    char *path = g_build_filename(place->base, "filling", NULL);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    char block[4096] = {0};
    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
    return path;
}

/* Takes the last inodes; COUNT files called "inode-N". */
static guint
fill_inodes(const Place *place)
{
    for (guint n = 0;; n++) {
        g_autofree char *name = g_strdup_printf("inode-%u", n);
        g_autofree char *path = g_build_filename(place->base, name, NULL);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0)
            return n;
        close(fd);
    }
}

static void
replace_leaves_the_old_content_whole(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(place->dirs->journal, "1.json", NULL);
    g_autofree char *large = g_strnfill(20000, 'n');
    assert_ok(paths_file_replace(path, "old", 3, 0600, &error), error);
    g_autofree char *filling = fill(place);
    assert_false(paths_file_replace(path, large, 20000, 0600, &error));
    assert_error(error, PATHS_ERROR_NO_SPACE);
    assert_content(path, "old");
    assert_int_equal(count_entries(place->dirs->journal), 1);
    assert_int_equal(unlink(filling), 0);
    assert_ok(paths_file_replace(path, large, 20000, 0600, &error), error);
    assert_content(path, large);
}

static void
replace_that_fits_in_part_leaves_the_old_content_whole(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(place->dirs->journal, "1.json", NULL);
    g_autofree char *larger = g_strnfill(2 * SIZE_BYTES, 'n');
    assert_ok(paths_file_replace(path, "old", 3, 0600, &error), error);
    assert_false(paths_file_replace(path, larger, 2 * SIZE_BYTES, 0600, &error));
    assert_error(error, PATHS_ERROR_NO_SPACE);
    assert_content(path, "old");
    assert_int_equal(count_entries(place->dirs->journal), 1);
}

static void
append_takes_back_what_fits_in_part(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *record = g_strnfill(2 * SIZE_BYTES, 'n');
    assert_ok(paths_file_append(place->dirs->history, "one\n", 4, 0600, &error), error);
    assert_false(paths_file_append(place->dirs->history, record, 2 * SIZE_BYTES, 0600, &error));
    assert_error(error, PATHS_ERROR_NO_SPACE);
    assert_content(place->dirs->history, "one\n");
    assert_ok(paths_file_append(place->dirs->history, "two\n", 4, 0600, &error), error);
    assert_content(place->dirs->history, "one\ntwo\n");
}

static void
no_domain_id_is_given_that_could_not_be_recorded(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    guint64 id = 0, next = 99;
    assert_ok(paths_next_domain_id(place->dirs, &id, &error), error);
    g_autofree char *filling = fill(place);
    assert_false(paths_next_domain_id(place->dirs, &next, &error));
    assert_error(error, PATHS_ERROR_NO_SPACE);
    assert_int_equal(next, 99);
    assert_int_equal(unlink(filling), 0);
    assert_ok(paths_next_domain_id(place->dirs, &next, &error), error);
    assert_int_equal(next, id + 1);
}

static void
instance_without_inodes_leaves_nothing(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = paths_instance_new(place->dirs, 7);
    guint n = fill_inodes(place);
    assert_true(n > 0);
    g_autofree char *name = g_strdup_printf("inode-%u", n - 1);
    g_autofree char *last = g_build_filename(place->base, name, NULL);
    assert_false(paths_instance_create(instance, geteuid(), getegid(), &error));
    assert_error(error, PATHS_ERROR_NO_SPACE);
    assert_int_equal(unlink(last), 0); /* now there is room for one folder of the two */
    assert_false(paths_instance_create(instance, geteuid(), getegid(), &error));
    assert_error(error, PATHS_ERROR_NO_SPACE);
    assert_false(exists(instance->dir));
}

static void
alias_without_inodes_stays_where_it_was(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    guint64 id = 0;
    assert_ok(paths_alias_set(place->dirs, "web1", 7, &error), error);
    fill_inodes(place);
    assert_false(paths_alias_set(place->dirs, "web1", 8, &error));
    assert_error(error, PATHS_ERROR_NO_SPACE);
    assert_true(paths_alias_get(place->dirs, "web1", &id));
    assert_int_equal(id, 7);
    assert_int_equal(count_entries(place->dirs->guests), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0) {
        puts("SKIP: needs root and a mount namespace");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(replace_leaves_the_old_content_whole),
        TEST(replace_that_fits_in_part_leaves_the_old_content_whole),
        TEST(append_takes_back_what_fits_in_part),
        TEST(no_domain_id_is_given_that_could_not_be_recorded),
        TEST(instance_without_inodes_leaves_nothing),
        TEST(alias_without_inodes_stays_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
