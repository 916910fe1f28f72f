/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs the built `moult` against cli-fake-engine, in folders of its own. MOULT_EXE and FAKE_ENGINE_EXE name
 * the two programs.
 */
#pragma once

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmp/json.h"

typedef struct {
    char *folder; /* everything is below it */
    char **environment;
    char *out, *err; /* of the last run */
    int status;      /* exit status of the last run; 128 and the signal's number */
} Fixture;

static inline void
fixture_set(Fixture *fixture, const char *name, const char *value)
{
    fixture->environment = value ? g_environ_setenv(fixture->environment, name, value, TRUE)
                                 : g_environ_unsetenv(fixture->environment, name);
}

/* NAME in the fixture's folder; owned by the caller. */
static inline char *
fixture_path(const Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->folder, name, NULL);
}

static inline void
fixture_script(Fixture *fixture, const char *script)
{
    g_autofree char *path = fixture_path(fixture, "script.json");

    assert_true(g_file_set_contents(path, script, -1, NULL));
}

static inline int
fixture_setup(void **state)
{
    static const char *const folders[][2] = {
        {"MOULT_RUNTIME_DIR", "run"}, {"MOULT_STATE_DIR", "state"}, {"MOULT_CONFIG_DIR", "config"}};
    Fixture *fixture = g_new0(Fixture, 1);
    g_autofree char *script = NULL;

    fixture->folder = g_dir_make_tmp("moult-test-XXXXXX", NULL);
    fixture->environment = g_get_environ();
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = fixture_path(fixture, folders[i][1]);
        fixture_set(fixture, folders[i][0], path);
    }
    script = fixture_path(fixture, "script.json");
    fixture_set(fixture, "FAKE_SCRIPT", script);
    fixture_set(fixture, "MOULT_MOULTD", g_getenv("FAKE_ENGINE_EXE"));
    fixture_set(fixture, "TZ", "UTC");
    fixture_set(fixture, "LC_ALL", "C.UTF-8");
    fixture_set(fixture, "NO_COLOR", NULL);
    *state = fixture;
    return g_getenv("FAKE_ENGINE_EXE") == NULL || g_getenv("MOULT_EXE") == NULL;
}

static inline void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static inline int
fixture_teardown(void **state)
{
    Fixture *fixture = *state;

    remove_tree(fixture->folder);
    g_strfreev(fixture->environment);
    g_free(fixture->folder);
    g_free(fixture->out);
    g_free(fixture->err);
    g_free(fixture);
    return 0;
}

/* Runs `moult ARGUMENTS...` (a NULL-terminated list) to its end. */
static inline void
fixture_run(Fixture *fixture, const char *const *arguments)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    int status;

    g_strv_builder_add(builder, g_getenv("MOULT_EXE"));
    g_strv_builder_addv(builder, (const char **)arguments);
    g_auto(GStrv) argv = g_strv_builder_end(builder);
    g_clear_pointer(&fixture->out, g_free);
    g_clear_pointer(&fixture->err, g_free);
    assert_true(g_spawn_sync(fixture->folder, argv, fixture->environment, G_SPAWN_CHILD_INHERITS_STDIN, NULL,
                             NULL, &fixture->out, &fixture->err, &status, NULL));
    fixture->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
#define RUN(fixture, ...) fixture_run(fixture, (const char *const[]){__VA_ARGS__, NULL})

/* The last run ended so; on a mismatch all it printed is shown. */
static inline void
fixture_expect(const Fixture *fixture, int status, const char *out, const char *err)
{
    if (fixture->status != status || (out && strcmp(fixture->out, out) != 0) ||
        (err && strcmp(fixture->err, err) != 0)) {
        print_error("status %d, expected %d\n-- stdout:\n%s-- expected:\n%s-- stderr:\n%s-- expected:\n%s",
                    fixture->status, status, fixture->out, out ? out : "(any)\n", fixture->err,
                    err ? err : "(any)\n");
        fail();
    }
}

static inline void
assert_contains(const char *text, const char *part)
{
    if (text && strstr(text, part))
        return;
    print_error("'%s' is not in:\n%s\n", part, text ? text : "(nothing)");
    fail();
}

/* The parameters of the N-th call of METHOD that the engine got; NULL when there was none. Owned by the
 * caller. */
static inline json_object *
fixture_find_call(const Fixture *fixture, const char *method, guint n)
{
    g_autofree char *path = fixture_path(fixture, "run/calls.jsonl"), *contents = NULL;

    if (!g_file_get_contents(path, &contents, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(contents, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        g_autoptr(json_object) call = qmp_json_parse(lines[i], strlen(lines[i]), 32, NULL);
        if (g_strcmp0(qmp_json_get_string(call, "method"), method) == 0 && n-- == 0)
            return json_object_get(qmp_json_get_object(call, "parameters"));
    }
    return NULL;
}

static inline void
fixture_expect_call(const Fixture *fixture, const char *method, const char *parameters)
{
    g_autoptr(json_object) found = fixture_find_call(fixture, method, 0);

    assert_string_equal(found ? qmp_json_to_text(found, NULL) : "(no call)", parameters);
}
