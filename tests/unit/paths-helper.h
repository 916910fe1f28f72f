/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder of its own for each test, with the three places of moult in it. The environment is set, so that
 * paths_dirs_new finds them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "paths/dirs.h"
#include "paths/file.h"
#include "paths/instance.h"

typedef struct {
    char *base;
    PathsDirs *dirs;
} Place;

static inline int
place_remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info, (void)flag, (void)walk;
    return remove(path);
}

/* 0711, so that a test may send another user through. */
static inline int
place_setup_empty(void **state)
{
    Place *place = g_new0(Place, 1);
    place->base = g_dir_make_tmp("moult-test-XXXXXX", NULL);
    assert_non_null(place->base);
    assert_int_equal(chmod(place->base, 0711), 0);
    const char *const variables[][2] = {
        {"MOULT_RUNTIME_DIR", "run"}, {"MOULT_STATE_DIR", "state"}, {"MOULT_CONFIG_DIR", "config"}};
    for (size_t i = 0; i < G_N_ELEMENTS(variables); i++) {
        g_autofree char *path = g_build_filename(place->base, variables[i][1], NULL);
        assert_true(g_setenv(variables[i][0], path, TRUE));
    }
    place->dirs = paths_dirs_new(NULL);
    assert_non_null(place->dirs);
    *state = place;
    return 0;
}

static inline int
place_setup(void **state)
{
    place_setup_empty(state);
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    if (!paths_dirs_create(place->dirs, &error))
        fail_msg("%s", error->message);
    return 0;
}

static inline int
place_teardown(void **state)
{
    Place *place = *state;
    nftw(place->base, place_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    bool gone = !g_file_test(place->base, G_FILE_TEST_EXISTS);
    paths_dirs_free(place->dirs);
    g_free(place->base);
    g_free(place);
    return gone ? 0 : -1;
}

static inline mode_t
mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

static inline bool
exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static inline void
assert_content(const char *path, const char *expected)
{
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, expected);
}

static inline guint
count_entries(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    assert_non_null(folder);
    guint n = 0;
    while (g_dir_read_name(folder))
        n++;
    return n;
}

#define assert_error(error, code)                                                                            \
    do {                                                                                                     \
        if (!g_error_matches(error, PATHS_ERROR, code))                                                      \
            fail_msg("not " #code " but %s", (error) ? (error)->message : "no error");                       \
        g_clear_error(&(error));                                                                             \
    } while (0)

#define assert_ok(call, error)                                                                               \
    do {                                                                                                     \
        if (!(call))                                                                                         \
            fail_msg(#call ": %s", (error) ? (error)->message : "no error set");                             \
    } while (0)

/* Runs WHAT in a child process and returns what it returns (0 to 255); asserts must not be used in there. */
static inline int
in_child(int (*what)(void *data), void *data)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(what(data));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define place_test(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)
