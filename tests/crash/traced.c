/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMUs that somebody traces, as a debugger does: what is sent to them, SIGKILL included, waits for the tracer. The engine must
 * not take them for stopped, or dead, and must find out by itself when they are let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "scene.h"

/* How long the engine waits for what does not come. */
#define PATIENCE "MOULT_CRASH_PATIENCE", "500"

/* One thread of a QEMU. At its end it stops once more. */
static void
trace(pid_t thread)
{
    assert_return_code(ptrace(PTRACE_SEIZE, thread, NULL, (void *)(uintptr_t)PTRACE_O_TRACEEXIT), 0);
}

static void
let_go(pid_t thread)
{
    int status = 0;

    ptrace(PTRACE_INTERRUPT, thread, NULL, NULL); /* it may have stopped at a signal, or at its end, already */
    assert_int_equal(waitpid(thread, &status, __WALL), thread);
    assert_true(WIFSTOPPED(status));
    assert_return_code(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
}

/* The first one comes first. */
static GArray *
list_threads(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GArray *threads = g_array_new(FALSE, FALSE, sizeof(pid_t));
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        pid_t thread = (pid_t)atoi(name);
        g_array_append_val(threads, thread);
    }
    assert_true(threads->len > 2);
    return threads;
}

/* The engine, which is not patient, stands at POINT of an upgrade. */
static Program *
begin_at(Scene *scene, const char *point)
{
    scene_start_engine(scene, "MOULT_CRASH_STOP", point, PATIENCE, NULL);
    Program *upgrade = scene_start_upgrade(scene, NULL);

    assert_true(scene_await_stop(scene, upgrade));
    return upgrade;
}

static void
guest_does_not_end(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    scene_start_engine(scene, PATIENCE, NULL);
    trace(scene->guest->pid);
    g_autoptr(HarnessReply) stop = moult(scene->engine, "stop", "g", "--force", "--json", NULL);
    assert_refusal(stop, EXIT_TIMED_OUT, "unkillable", NULL);
    let_go(scene->guest->pid);
    harness_guest_await_gone(scene->guest);
    scene_check(scene, SCENE_ENDED, "a guest that was traced");
    scene_finish(scene);
}

/* The target has the guest; nothing is done as long as the old QEMU is there. */
static void
source_does_not_end(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);
    Program *upgrade = begin_at(scene, "confirm.retire:before");

    trace(scene->guest->pid);
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    assert_outcome(reply, EXIT_OPERATOR, "needs-operator", "source-unkillable", NULL);
    scene_start_engine(scene, PATIENCE, NULL);
    scene_await_state(scene, "needs-operator");
    g_autoptr(HarnessReply) keep = moult(scene->engine, "resolve", "g", "--keep=target", "--json", NULL);
    assert_refusal(keep, EXIT_OPERATOR, "not-resolved", "source-unkillable");
    g_autoptr(HarnessReply) stop = moult(scene->engine, "stop", "g", "--force", "--json", NULL);
    assert_refusal(stop, EXIT_OPERATOR, "qemu-unkillable", NULL);
    let_go(scene->guest->pid);
    scene_await_state(scene, "running");
    scene_check(scene, SCENE_NEW, "a source that was traced");
    scene_finish(scene);
}

/* Each of its threads stops for the tracer alone, one a signal; the others may do what they like. */
static void
target_does_not_stop(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);
    Program *upgrade = begin_at(scene, "perform.migrate:before");
    pid_t target = scene_find_target(scene);
    g_autoptr(GArray) threads = list_threads(target);

    for (guint i = 0; i < threads->len; i++)
        trace(g_array_index(threads, pid_t, i));
    assert_int_equal(kill(target, SIGSTOP), 0); /* the first one, which loads the state */
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    assert_status(reply, EXIT_OPERATOR);
    scene_expect_trouble(scene, "target-unstoppable");
    for (guint i = 0; i < threads->len; i++)
        let_go(g_array_index(threads, pid_t, i));
    scene_await_state(scene, "running");
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_EITHER, "a target that was traced");
    scene_finish(scene);
}

/* The source must not run before it is dead. */
static void
target_does_not_end(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);
    Program *upgrade = begin_at(scene, "perform.migrate:before");
    pid_t target = scene_find_target(scene);
    g_autoptr(GArray) threads = list_threads(target);
    pid_t thread = g_array_index(threads, pid_t, 1);

    trace(thread);
    assert_int_equal(kill(target, SIGSTOP), 0);
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    assert_status(reply, EXIT_OPERATOR);
    scene_expect_trouble(scene, "target-unkillable");
    let_go(thread);
    scene_await_state(scene, "running");
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_OLD, "a target that was traced");
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(guest_does_not_end),
        HARNESS_TEST(source_does_not_end),
        HARNESS_TEST(target_does_not_stop),
        HARNESS_TEST(target_does_not_end),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
