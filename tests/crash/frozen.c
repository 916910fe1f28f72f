/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMUs that stand still (SIGSTOP; a frozen control group is the same to us): the engine cannot know what they are up to. Once they
 * go on, it must find out by itself and put things right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "processes.h"
#include "scene.h"

#define POLL_US 5000
/* Where the source is frozen for all of it. */
#define SHORT "--timeout=4"
/* From its first answer until what was left is done. */
#define SOON_US (10 * G_USEC_PER_SEC)

static void
freeze(pid_t pid)
{
    assert_int_equal(kill(pid, SIGSTOP), 0);
}

/* TROUBLE: the code of what failed last. */
static void
expect_needs_operator(Scene *scene, const HarnessReply *reply, const char *trouble)
{
    g_autofree char *state = harness_guest_dup_state(scene->guest);

    assert_status(reply, EXIT_OPERATOR);
    assert_string_equal(state, "needs-operator");
    scene_expect_trouble(scene, trouble);
}

/* By itself, without a restart; then with an engine that does not stop any more. */
static void
check(Scene *scene, SceneEnd expected, const char *what)
{
    if (expected != SCENE_ENDED)
        harness_engine_check(scene->engine);
    scene_start_engine(scene, NULL);
    scene_check(scene, expected, what);
}

/* It goes on; nobody asks the engine for anything but how it is. */
static void
thaw(Scene *scene)
{
    assert_int_equal(kill(scene->guest->pid, SIGCONT), 0);
    scene_await_state(scene, "running");
}

static void
await_cleared(Scene *scene)
{
    gint64 deadline_us = g_get_monotonic_time() + SOON_US;
    g_autofree char *path = g_strdup_printf("%s/guests/g/config.json", scene->engine->runtime), *text = NULL;

    do {
        g_usleep(POLL_US);
        g_clear_pointer(&text, g_free);
        assert_true(g_file_get_contents(path, &text, NULL, NULL));
    } while (strstr(text, "capabilities_left") && g_get_monotonic_time() < deadline_us);
    harness_guest_check_capabilities(scene->guest);
    assert_null(strstr(text, "capabilities_left"));
}

/* The source is frozen at POINT, and stays so until nobody knows better. TROUBLE as above. */
static void
freeze_source_at(Scene *scene, const char *point, const char *trouble)
{
    Program *upgrade = scene_begin_at(scene, point, SHORT);

    freeze(scene->guest->pid);
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    expect_needs_operator(scene, reply, trouble);
}

static void
source_before_anything_is_set(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    freeze_source_at(scene, "perform.capabilities:before", "capabilities-left");
    thaw(scene);
    check(scene, SCENE_OLD, "perform.capabilities");
    scene_finish(scene);
}

static void
source_at_migrate(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    freeze_source_at(scene, "perform.migrate:before", "source-not-resumed");
    thaw(scene);
    check(scene, SCENE_OLD, "perform.migrate");
    scene_finish(scene);
}

/* The next engine finds it standing, and has nobody to ask either. The operator has no use for it any more. */
static void
source_is_stopped_by_force(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    freeze_source_at(scene, "perform.migrate:before", "source-not-resumed");
    scene_start_engine(scene, NULL);
    scene_await_state(scene, "needs-operator");
    g_autoptr(HarnessReply) stop = moult(scene->engine, "stop", "g", "--force", "--json", NULL);
    assert_status(stop, EXIT_DONE);
    check(scene, SCENE_ENDED, "a frozen source, by force");
    scene_finish(scene);
}

/* Both, as with a whole control group; how far the hand-over has come by then is chance. */
static void
both_in_the_middle(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);
    Program *upgrade = scene_begin_at(scene, "perform.migrate:after", SHORT);
    pid_t target = scene_find_target(scene);

    freeze(scene->guest->pid);
    freeze(target);
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    kill(target, SIGCONT); /* perhaps it has the guest; perhaps it is dead */
    if (reply->status == EXIT_OPERATOR) {
        thaw(scene);
        check(scene, SCENE_OLD, "both");
    } else { /* it has it, and perhaps could not be asked to clear its capabilities */
        harness_guest_look_up(scene->guest);
        scene->build = scene_other_build(scene);
        await_cleared(scene);
        check(scene, SCENE_OLD, "both, handed over");
    }
    scene_finish(scene);
}

/* ---- The target that has the guest, and does not answer when its capabilities are to be cleared ---- */

/* It goes on while the engine is there, or another one, which has it from the record. */
static void
settle_late(Scene *scene, bool restarts)
{
    Program *upgrade = scene_begin_at(scene, "confirm.settle:before", NULL);

    assert_true(sampler_read(scene->guest->sampler, &scene->guest->seen));
    freeze(scene_find_target(scene));
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    assert_status(reply, EXIT_DONE);
    if (restarts)
        scene_start_engine(scene, NULL);
    harness_guest_look_up(scene->guest);
    scene->build = scene_other_build(scene);
    assert_int_equal(kill(scene->guest->pid, SIGCONT), 0);
    await_cleared(scene);
    check(scene, SCENE_OLD, restarts ? "by the next engine" : "by this engine");
}

static void
target_that_is_to_be_settled(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    settle_late(scene, false);
    settle_late(scene, true);
    scene_finish(scene);
}

/* ---- The target that is late ---- */

/* It is to be killed, for it does not answer, and goes on just then: it has the whole state, and runs. */
static void
target_that_runs_when_it_is_to_be_killed(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);
    Program *upgrade = scene_begin_at(scene, "perform.migrate:before,perform.migrate:undo", SHORT);
    pid_t target = scene_find_target(scene);

    freeze(target);
    scene_continue_engine(scene);
    assert_true(scene_await_stop(scene, upgrade));
    assert_true(sampler_read(scene->guest->sampler, &scene->guest->seen));
    assert_int_equal(kill(target, SIGCONT), 0);
    harness_guest_check(scene->guest);
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    assert_status(reply, EXIT_DONE);
    const char *message = qmp_json_get_string(reply_result(reply), "message");
    if (!message || !strstr(message, "(target-ran)"))
        fail_msg("not told: %s", reply->text);
    check(scene, SCENE_NEW, "a target that was late");
    scene_finish(scene);
}

/* ---- An engine that comes meanwhile ---- */

static void
expect_state(Scene *scene, const char *wanted)
{
    g_autofree char *state = harness_guest_dup_state(scene->guest);

    assert_string_equal(state, wanted);
}

/* It cannot say what the guest does until it is told, and then does by itself. */
static void
guest_whose_engine_starts(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    freeze(scene->guest->pid);
    scene_start_engine(scene, NULL);
    expect_state(scene, "unknown");
    thaw(scene);
    harness_guest_qmp(scene->guest, "stop");
    scene_await_state(scene, "paused");
    freeze(scene->guest->pid);
    scene_start_engine(scene, NULL);
    expect_state(scene, "unknown");
    assert_int_equal(kill(scene->guest->pid, SIGCONT), 0);
    scene_await_state(scene, "paused");
    harness_guest_qmp(scene->guest, "cont");
    scene_await_state(scene, "running");
    check(scene, SCENE_OLD, "an engine's start");
    scene_finish(scene);
}

/* ---- What it costs the guest ---- */

/*
 * Given all the time in the world: what bounds it is that the guest stands. Of a Linux guest the rest is more than the socket holds:
 * it does not come to be stopped, and runs on for as long as it is waited.
 */
static void
target_that_takes_nothing(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);
    const char *timeout = scene->spec->kernel ? "--timeout=10" : "--timeout=600";

    for (int i = 0; i < 2; i++) {
        scene_hang_target(scene, timeout, NULL);
        check(scene, SCENE_OLD, i == 0 ? "from the installed build" : "from the second build");
    }
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(source_before_anything_is_set),
        HARNESS_TEST(source_at_migrate),
        HARNESS_TEST(source_is_stopped_by_force),
        HARNESS_TEST(both_in_the_middle),
        HARNESS_TEST(target_that_is_to_be_settled),
        HARNESS_TEST(target_that_runs_when_it_is_to_be_killed),
        HARNESS_TEST(guest_whose_engine_starts),
        HARNESS_TEST(target_that_takes_nothing),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
