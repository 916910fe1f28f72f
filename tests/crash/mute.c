/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMUs whose monitor nobody can reach: its socket has lost its name (somebody who tidies up, say), and the engine that was connected is
 * gone. The next one can do nothing for the guest, and says for want of whom; once the name is back, it looks again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "processes.h"
#include "scene.h"

/* QEMU 7.2 is stopped for the copy of private memory, and it is the engine that lets either of the two run. */
static const HarnessSpec private = {
    .machine = "pc-q35-7.2,memory-backend=m0",
    .ram_mib = 64,
    .arguments = "-object memory-backend-file,id=m0,size=64M,share=off,mem-path=@folder@/ram",
};

/* The socket of PID's monitor; owned. */
static char *
dup_socket(const Scene *scene, pid_t pid)
{
    g_autoptr(GPtrArray) processes = processes_find(scene->engine->folder);

    for (guint i = 0; i < processes->len; i++) {
        const Process *process = g_ptr_array_index(processes, i);
        if (process->pid == pid)
            return g_build_filename(process->instance, "monitor.sock", NULL);
    }
    fail_msg("there is no QEMU %d", pid);
    return NULL;
}

/* An engine comes that cannot reach PID, and gives CODE for it. Then it can. */
static void
hide_from_next_engine(Scene *scene, pid_t pid, const char *code)
{
    g_autofree char *path = dup_socket(scene, pid), *away = g_strconcat(path, ".away", NULL);

    assert_int_equal(rename(path, away), 0);
    scene_start_engine(scene, NULL);
    scene_await_state(scene, "needs-operator");
    scene_expect_trouble(scene, code);
    assert_int_equal(rename(away, path), 0);
    g_autoptr(HarnessReply) look = moult(scene->engine, "resolve", "g", "--json", NULL);
    assert_status(look, EXIT_DONE);
    scene_await_state(scene, "running");
}

/* It runs in the other build, and its memory is another one's. */
static void
expect_elsewhere(Scene *scene)
{
    harness_guest_await(scene->guest);
    scene->build = scene_other_build(scene);
}

/* Nothing was handed over: the guest is to go on where it is. */
static void
source_that_is_to_go_on(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&private);

    scene_crash_at_rest(scene, "perform.stop:after", NULL);
    hide_from_next_engine(scene, scene->guest->pid, "source-mute");
    harness_guest_check(scene->guest);
    harness_guest_check_untouched(scene->guest);
    g_autoptr(HarnessReply) copy = moult(scene->engine, "upgrade", "g", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_status(copy, EXIT_DONE);
    expect_elsewhere(scene);
    scene_check(scene, SCENE_OLD, "a source without its monitor");
    scene_finish(scene);
}

/* It has the guest, and is the only one left. */
static void
target_that_is_to_start(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&private);

    scene_crash_at_rest(scene, "finish.prove:before", NULL);
    assert_true(scene_kill(scene, scene->guest->pid));
    scene_start_doomed_engine(scene, "confirm.start:before");
    scene_await_crash_of_resting_guest(scene);
    hide_from_next_engine(scene, scene_find_target(scene), "target-mute");
    expect_elsewhere(scene);
    scene_check(scene, SCENE_OLD, "a target without its monitor");
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(source_that_is_to_go_on),
        HARNESS_TEST(target_that_is_to_start),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
