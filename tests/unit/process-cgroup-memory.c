/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What memory limits leave, read from made-up group directories of both versions, and of this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "process/cgroup-memory.h"

static char *root;

static char *
make_group(const char *name)
{
    char *dir = g_build_filename(root, name, NULL);

    assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
    return dir;
}

static void
put(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *
make_v2(const char *name, const char *limit, const char *usage)
{
    char *dir = make_group(name);

    put(dir, "cgroup.procs", "");
    if (limit) {
        put(dir, "memory.max", limit);
        put(dir, "memory.current", usage);
    }
    return dir;
}

static int
setup(void **state G_GNUC_UNUSED)
{
    root = g_dir_make_tmp("moult-cgroup-XXXXXX", NULL);
    return root ? 0 : -1;
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static int
teardown(void **state G_GNUC_UNUSED)
{
    remove_tree(root);
    g_free(root);
    return 0;
}

static guint64
available_in(const char *dir, bool is_v2, char **ret_dir)
{
    guint64 bytes = 0;

    assert_true(process_cgroup_dir_get_memory_available(dir, is_v2, &bytes, ret_dir));
    return bytes;
}

static void
the_limit_less_the_usage(void **state G_GNUC_UNUSED)
{
    g_autofree char *dir = make_v2("a", "1000000\n", "400000\n"), *tightest = NULL;

    assert_int_equal(available_in(dir, true, &tightest), 600000);
    assert_string_equal(tightest, dir);
}

static void
inactive_page_cache_counts_as_free(void **state G_GNUC_UNUSED)
{
    g_autofree char *dir = make_v2("a", "1000000\n", "900000\n");

    put(dir, "memory.stat", "anon 5\ninactive_file 300000\nactive_file 100000\n");
    assert_int_equal(available_in(dir, true, NULL), 400000);
}

static void
the_tightest_group_above_counts(void **state G_GNUC_UNUSED)
{
    g_autofree char *outer = make_v2("a", "500000\n", "450000\n"), *tightest = NULL;
    g_autofree char *inner = make_v2("a/b", "max\n", "400000\n");

    assert_int_equal(available_in(inner, true, &tightest), 50000);
    assert_string_equal(tightest, outer);
}

static void
a_group_without_the_controller_does_not_end_the_walk(void **state G_GNUC_UNUSED)
{
    g_autofree char *outer = make_v2("a", "500000\n", "450000\n");
    g_autofree char *inner = make_v2("a/b", NULL, NULL);

    assert_int_equal(available_in(inner, true, NULL), 50000);
}

static void
no_limit_is_no_limit(void **state G_GNUC_UNUSED)
{
    g_autofree char *dir = make_v2("a", "max\n", "1\n"), *tightest = NULL;

    assert_true(available_in(dir, true, &tightest) == G_MAXUINT64);
    assert_null(tightest);
}

static void
usage_past_the_limit_leaves_nothing(void **state G_GNUC_UNUSED)
{
    g_autofree char *dir = make_v2("a", "1000\n", "2000\n");

    assert_int_equal(available_in(dir, true, NULL), 0);
}

static void
version_1_has_other_names_and_a_number_for_no_limit(void **state G_GNUC_UNUSED)
{
    g_autofree char *outer = make_group("v1"), *inner = make_group("v1/b");

    put(outer, "cgroup.procs", "");
    put(outer, "memory.limit_in_bytes", "9223372036854771712\n");
    put(outer, "memory.usage_in_bytes", "12345\n");
    put(inner, "cgroup.procs", "");
    put(inner, "memory.limit_in_bytes", "8000000\n");
    put(inner, "memory.usage_in_bytes", "6000000\n");
    put(inner, "memory.stat", "inactive_file 1\ntotal_inactive_file 1000000\n");
    assert_int_equal(available_in(inner, false, NULL), 3000000);
    assert_true(available_in(outer, false, NULL) == G_MAXUINT64);
}

static void
a_folder_that_is_no_group_is_told(void **state G_GNUC_UNUSED)
{
    guint64 bytes = 0;

    assert_false(process_cgroup_dir_get_memory_available(root, true, &bytes, NULL));
}

static void
this_process_has_an_answer(void **state G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    guint64 bytes = 0;

    assert_true(process_cgroup_get_memory_available(getpid(), &bytes, NULL, &error));
    assert_true(bytes > 0);
}

int
main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(the_limit_less_the_usage),
        WITH_FOLDER(inactive_page_cache_counts_as_free),
        WITH_FOLDER(the_tightest_group_above_counts),
        WITH_FOLDER(a_group_without_the_controller_does_not_end_the_walk),
        WITH_FOLDER(no_limit_is_no_limit),
        WITH_FOLDER(usage_past_the_limit_leaves_nothing),
        WITH_FOLDER(version_1_has_other_names_and_a_number_for_no_limit),
        WITH_FOLDER(a_folder_that_is_no_group_is_told),
        cmocka_unit_test(this_process_has_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
