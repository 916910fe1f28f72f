/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The target has the whole state, stands still, and is all that is left: the engine was killed before it let it run, and then the
 * old QEMU. The next engine lets it run; of what it asks it as it does, one question is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "scene.h"

/* QEMU 7.2 is stopped for the copy of private memory, and it is the engine that lets the target run. */
static const HarnessSpec private = {
    .machine = "pc-q35-7.2,memory-backend=m0",
    .ram_mib = 64,
    .arguments = "-object memory-backend-file,id=m0,size=64M,share=off,mem-path=@folder@/ram",
};

/* The way forward was tried more than once: the first time a question of confirm.start had no answer. */
static void
expect_told(Scene *scene)
{
    g_autoptr(HarnessReply) history = moult(scene->engine, "history", "g", "--json", NULL);

    if (!strstr(history->text, "confirm.start: g: query-status: no answer in time"))
        fail_msg("nothing was lost: %s", history->text);
}

/* WHICH: the question, from the first that the target is asked. */
static void
lose(unsigned which)
{
    Scene *scene = scene_new(&private);
    const char *target = harness_script(scene->engine, "target", "exec '%s' '%s' '%u>query-status' swallow 0 -- \"$@\"",
                                        MISBEHAVE_PEER, harness_build(BUILD_SECOND), which);

    scene_start_engine(scene, "MOULT_CRASH_POINT", "finish.prove:before", NULL);
    Program *upgrade = moult_start(scene->engine, "upgrade", "g", "--to", target, "--json", NULL);
    scene_await_crash_of_resting_guest(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_status(reply, EXIT_UNREACHABLE);
    assert_true(scene_kill(scene, scene->guest->pid));
    scene_start_engine(scene, NULL);
    expect_told(scene);
    harness_guest_await(scene->guest); /* its memory is another one's */
    scene->build = scene_other_build(scene);
    scene_check(scene, SCENE_OLD, "a question that was lost");
    scene_finish(scene);
}

/* Behind the look that has decided what to do. */
static void
how_the_target_stands(void **state G_GNUC_UNUSED)
{
    lose(2);
}

static void
whether_it_has_started(void **state G_GNUC_UNUSED)
{
    lose(3);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(how_the_target_stands),
        HARNESS_TEST(whether_it_has_started),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
