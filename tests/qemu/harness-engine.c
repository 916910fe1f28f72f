/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Engines, and the test program around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness-private.h"
#include "janitor.h"
#include "processes.h"

#define SKIP_STATUS 77
#define START_MS (30000 * harness_get_patience())
#define LEAVE_MS (90000 * harness_get_patience())
#define KILL_MS (10000 * harness_get_patience())

static GPtrArray *engines;
static bool was_skipped;
static char *builds[2], *versions[2];

/* ---- The program ---- */

const char *
harness_build(HarnessBuild build)
{
    return builds[build];
}

/* "7.2." out of "QEMU emulator version 7.2.22 (Debian ...)". */
static char *
ask_version(const char *qemu, GError **error)
{
    const char *argv[] = {qemu, "--version", NULL};
    g_autofree char *output = NULL;
    int major = 0, minor = 0;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, NULL, error))
        return NULL;
    if (sscanf(output, "QEMU emulator version %d.%d.", &major, &minor) == 2)
        return g_strdup_printf("%d.%d.", major, minor);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s does not tell its version", qemu);
    return NULL;
}

const char *
harness_build_version(HarnessBuild build)
{
    return versions[build];
}

int
harness_get_patience(void)
{
    const char *text = g_getenv("MOULT_TEST_PATIENCE");
    guint64 patience = 1;

    return text && g_ascii_string_to_unsigned(text, 10, 1, 100, &patience, NULL) ? (int)patience : 1;
}

void
harness_skip(const char *why)
{
    print_message("skipped: %s\n", why);
    was_skipped = true;
    skip();
}

void
harness_need_root(void)
{
    if (geteuid() != 0)
        harness_skip("needs root");
}

static bool
find_builds(GError **error)
{
    return (builds[BUILD_INSTALLED] = files_find_qemu(error)) &&
           (builds[BUILD_SECOND] = files_find_second_qemu(error)) &&
           (versions[BUILD_INSTALLED] = ask_version(builds[BUILD_INSTALLED], error)) &&
           (versions[BUILD_SECOND] = ask_version(builds[BUILD_SECOND], error)) && harness_find_files("cloud", error);
}

/* Those in meson.build and those in the program are one list. */
static int
check_names(const struct CMUnitTest *tests, size_t n_tests, char **names)
{
    size_t n_names = g_strv_length(names);
    int status = n_names == n_tests ? 0 : 1;

    for (size_t i = 0; i < n_tests; i++) {
        if (g_strv_contains((const char *const *)names, tests[i].name))
            continue;
        fprintf(stderr, "meson.build does not name '%s'\n", tests[i].name);
        status = 1;
    }
    return status;
}

static bool
choose_test(const struct CMUnitTest *tests, size_t n_tests, const char *name)
{
    for (size_t i = 0; i < n_tests; i++)
        if (g_str_equal(tests[i].name, name))
            return true;
    fprintf(stderr, "there is no test '%s'\n", name);
    return false;
}

int
harness_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n_tests)
{
    g_autoptr(GError) error = NULL;

    if (argc > 1 && g_str_equal(argv[1], "--check-names"))
        return check_names(tests, n_tests, argv + 2);
    if (argc > 1 && !choose_test(tests, n_tests, argv[1]))
        return 2;
    if (!janitor_start())
        return 1;
    if (!find_builds(&error)) {
        fprintf(stderr, "%s\n", error->message);
        return g_error_matches(error, FILES_ERROR, FILES_ERROR_MISSING) ? SKIP_STATUS : 1;
    }
    engines = g_ptr_array_new();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed = _cmocka_run_group_tests(argv[0], tests, n_tests, NULL, NULL);
    g_ptr_array_unref(engines);
    return failed ? 1 : was_skipped ? SKIP_STATUS : 0;
}

/* ---- One engine ---- */

static void
take_log(HarnessEngine *engine)
{
    g_autofree char *messages = program_dup_messages(engine->moultd);

    g_string_append(engine->log, messages);
    g_clear_pointer(&engine->moultd, program_free);
}

static Program *
start_moultd(HarnessEngine *engine, const char *options, int ready_fd)
{
    g_autofree char *line = g_strconcat(engine->prefix, engine->binary, " --ready-fd 3 ", options, NULL);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_auto(GStrv) environment = harness_environment(engine);
    g_autoptr(GError) error = NULL;
    Program *program = program_start((const char *const *)argv, (const char *const *)environment, ready_fd, &error);

    if (!program)
        fail_msg("%s", error->message);
    return program;
}

/* The byte that moultd writes once it listens. */
static bool
await_ready(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte = 0;

    return poll(&ready, 1, START_MS) > 0 && read(fd, &byte, 1) == 1 && byte == 'R';
}

void
harness_engine_start(HarnessEngine *engine, const char *options)
{
    int fds[2];

    assert_null(engine->moultd);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    /* "--timeout" without a blank behind it: strsplit makes no empty argument of NULL. */
    engine->moultd = start_moultd(engine, options ? options : "--timeout 0", fds[1]);
    close(fds[1]);
    bool is_ready = await_ready(fds[0]);
    close(fds[0]);
    if (!is_ready)
        fail_msg("the engine does not get ready");
}

static void
expect_good_end(HarnessEngine *engine, const char *what)
{
    int status = -1;

    if (!program_wait(engine->moultd, LEAVE_MS, &status))
        fail_msg("the engine does not leave: %s", what);
    take_log(engine);
    if (status != 0)
        fail_msg("the engine ended with status 0x%x: %s", (unsigned)status, what);
}

void
harness_engine_stop(HarnessEngine *engine)
{
    program_signal(engine->moultd, SIGTERM);
    expect_good_end(engine, "SIGTERM");
}

void
harness_engine_wait_end(HarnessEngine *engine)
{
    expect_good_end(engine, "by itself");
}

void
harness_engine_kill(HarnessEngine *engine)
{
    program_signal(engine->moultd, SIGKILL);
    assert_true(program_wait(engine->moultd, KILL_MS, NULL));
    take_log(engine);
}

HarnessEngine *
harness_engine_prepare(void)
{
    HarnessEngine *engine = g_new0(HarnessEngine, 1);

    engine->binary = engine->on_demand = HARNESS_MOULTD;
    engine->command = HARNESS_MOULT;
    engine->prefix = "";
    /* tmpfs, as the runtime folder of a real node; paths of UNIX sockets are short, too. */
    engine->folder = g_strdup("/dev/shm/moult-test-XXXXXX");
    assert_non_null(g_mkdtemp_full(engine->folder, 0755));
    janitor_watch_folder(engine->folder);
    engine->runtime = g_build_filename(engine->folder, "run", NULL);
    engine->state = g_build_filename(engine->folder, "state", NULL);
    engine->config = g_build_filename(engine->folder, "config", NULL);
    engine->log = g_string_new(NULL);
    engine->guests = g_ptr_array_new_with_free_func(harness_guest_free);
    engine->scripts = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(engines, engine);
    return engine;
}

HarnessEngine *
harness_engine_new(const char *options)
{
    HarnessEngine *engine = harness_engine_prepare();

    harness_engine_start(engine, options);
    return engine;
}

char **
harness_environment(const HarnessEngine *engine)
{
    char **environment = g_new0(char *, 6);

    environment[0] = g_strconcat("MOULT_RUNTIME_DIR=", engine->runtime, NULL);
    environment[1] = g_strconcat("MOULT_STATE_DIR=", engine->state, NULL);
    environment[2] = g_strconcat("MOULT_CONFIG_DIR=", engine->config, NULL);
    environment[3] = g_strconcat("MOULT_MOULTD=", engine->on_demand, NULL);
    environment[4] = g_strdup("G_DEBUG=fatal-criticals");
    return environment;
}

const char *
harness_script(HarnessEngine *engine, const char *name, const char *body_format, ...)
{
    char *path = g_build_filename(engine->folder, name, NULL);
    g_autoptr(GString) text = g_string_new("#!/bin/sh\n");
    g_autoptr(GError) error = NULL;
    va_list arguments;

    va_start(arguments, body_format);
    g_string_append_vprintf(text, body_format, arguments);
    va_end(arguments);
    g_string_append_c(text, '\n');
    if (!g_file_set_contents_full(path, text->str, -1, G_FILE_SET_CONTENTS_NONE, 0755, &error))
        fail_msg("%s", error->message);
    g_ptr_array_add(engine->scripts, path);
    return path;
}

/* ---- The end ---- */

static void
expect_no_warning(const HarnessEngine *engine)
{
    const char *warning = strstr(engine->log->str, "-WARNING **");

    if (warning && !engine->may_warn)
        fail_msg("the engine has warned: %.300s", warning);
    assert_null(strstr(engine->log->str, "-CRITICAL **"));
}

void
harness_engine_finish(HarnessEngine *engine)
{
    for (guint i = 0; i < engine->guests->len; i++)
        harness_guest_finish(g_ptr_array_index(engine->guests, i));
    harness_engine_check(engine);
    if (engine->moultd)
        harness_engine_stop(engine);
    expect_no_warning(engine);
    g_autoptr(GPtrArray) left = processes_find(engine->folder);
    assert_int_equal(left->len, 0);
    g_ptr_array_remove(engines, engine);
    processes_kill(engine->folder, KILL_MS); /* an engine that a command has started */
    harness_engine_free(engine);
}

static void
show(const char *what, const char *text)
{
    if (text && *text)
        print_error("--- %s:\n%s\n", what, text);
}

static void
show_guest(const HarnessGuest *guest)
{
    g_autofree char *path = harness_guest_dup_serial_path(guest);
    g_autofree char *serial = NULL;

    if (g_file_get_contents(path, &serial, NULL, NULL))
        show(guest->name, strlen(serial) > 4000 ? serial + strlen(serial) - 4000 : serial);
}

/* Of a test that has failed: what was said, then away with all of it. */
static void
bury(HarnessEngine *engine)
{
    if (engine->moultd) {
        program_signal(engine->moultd, SIGKILL);
        program_wait(engine->moultd, KILL_MS, NULL);
        take_log(engine);
    }
    show("the engine", engine->log->str);
    for (guint i = 0; i < engine->guests->len; i++)
        show_guest(g_ptr_array_index(engine->guests, i));
    processes_kill(engine->folder, KILL_MS);
}

void
harness_engine_free(HarnessEngine *engine)
{
    program_free(engine->moultd);
    g_ptr_array_unref(engine->guests);
    g_ptr_array_unref(engine->scripts);
    janitor_unmount_below(engine->folder);
    janitor_remove_folder(engine->folder);
    g_string_free(engine->log, TRUE);
    g_free(engine->folder);
    g_free(engine->runtime);
    g_free(engine->state);
    g_free(engine->config);
    g_free(engine);
}

int
harness_teardown(void **state)
{
    (void)state;
    while (engines->len > 0) {
        HarnessEngine *engine = g_ptr_array_steal_index(engines, 0);
        bury(engine);
        harness_engine_free(engine);
    }
    return 0;
}
