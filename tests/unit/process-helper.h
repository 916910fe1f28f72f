/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of engine/process have in common: requests for a shell, and reading what a child writes.
 */
#pragma once

#include <fcntl.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/launcher.h"

#define HELPER_TIMEOUT_MS 20000

#define assert_no_error(error)                                                                               \
    do {                                                                                                     \
        if (error)                                                                                           \
            fail_msg("%s", (error)->message);                                                                \
    } while (0)

/* A request to run SCRIPT with /bin/sh; ARGV is the caller's storage for it. */
static inline LauncherRequest
helper_shell_request(const char *argv[4], const char *script)
{
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    return (LauncherRequest){
        .binary = "/bin/sh", .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
}

/* Everything up to the end of file, owned; closes FD. */
static inline char *
helper_read_all(int fd)
{
    GString *text = g_string_new(NULL);
    char part[4096];
    ssize_t size;

    while ((size = read(fd, part, sizeof(part))) > 0)
        g_string_append_len(text, part, size);
    close(fd);
    return g_string_free(text, FALSE);
}

/* Runs REQUEST with stdout and stderr in a pipe, waits for its end, returns what it wrote. */
static inline char *
helper_run(Launcher *launcher, LauncherRequest *request, ProcessExit *ret_exit)
{
    g_autoptr(GError) error = NULL;
    LauncherChild child;
    int ends[2];
    char *output;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    request->log_fd = ends[1];
    launcher_spawn(launcher, request, HELPER_TIMEOUT_MS, &child, &error);
    close(ends[1]);
    assert_no_error(error);
    output = helper_read_all(ends[0]);
    process_wait_exit(child.pidfd, HELPER_TIMEOUT_MS, -1, ret_exit, &error);
    assert_no_error(error);
    close(child.pidfd);
    return output;
}

static inline char *
helper_run_shell(Launcher *launcher, const char *script)
{
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, script);
    ProcessExit how;
    char *output = helper_run(launcher, &request, &how);

    assert_true(how.known);
    assert_int_equal(how.exit_code, 0);
    return output;
}

/* A process that does nothing, with ATTRIBUTES; for helper_end_child. */
static inline LauncherChild
helper_spawn_sleep(Launcher *launcher, const LauncherAttributes *attributes)
{
    const char *const argv[] = {"sleep", "1000", NULL};
    const LauncherRequest request = {.binary = "/bin/sleep",
                                     .argv = argv,
                                     .stdin_fd = -1,
                                     .stdout_fd = -1,
                                     .log_fd = -1,
                                     .attributes = *attributes};
    g_autoptr(GError) error = NULL;
    LauncherChild child;

    launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error);
    assert_no_error(error);
    return child;
}

static inline void
helper_end_child(LauncherChild *child)
{
    g_autoptr(GError) error = NULL;
    ProcessExit how;

    process_kill_and_reap(child->pidfd, HELPER_TIMEOUT_MS, &how, &error);
    assert_no_error(error);
    assert_true(how.known);
    close(child->pidfd);
}
