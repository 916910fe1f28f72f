/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything is killed at every point of the phase table: the engine, the target, the source; on the way forward and on
 * the way back. The points are asked of the engine itself, so that a new step cannot escape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "harness-private.h"
#include "scene.h"

#define MIGRATE "perform.migrate:after"
#define PROVED "finish.prove:after"
#define STARTED "prepare.start:after"
#define RETIRED "confirm.retire:after"
#define RECORDED "prepare.paths:before" /* the first that has a record */

static bool
is_forward(const char *point)
{
    return scene_point_is(point, "before") || scene_point_is(point, "after");
}

static bool
is_backward(const char *point)
{
    return scene_point_is(point, "undo") || scene_point_is(point, "undone");
}

static void
every_point_is_in_a_suite(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    unsigned n = 0;

    for (char **point = points; *point; point++, n++)
        if (!is_forward(*point) && !is_backward(*point) && !scene_point_is(*point, "frozen"))
            fail_msg("no suite kills anything at %s", *point);
    print_message("points: %u\n", n);
    assert_true(n > 40);
}

/* ---- The engine ---- */

/* Kills it at POINT; the next one puts things right. */
static void
crash_engine(Scene *scene, const char *point, SceneEnd expected)
{
    scene_crash_at(scene, point);
    scene_start_engine(scene, NULL);
    scene_check(scene, expected, point);
}

static void
engine_killed_at_every_step(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    Scene *scene = scene_new(&harness_tiny);

    for (char **point = points; *point; point++)
        if (is_forward(*point))
            crash_engine(scene, *point, scene_get_end_after(*point));
    scene_finish(scene);
}

/* The one that puts things right dies in doing so, and so does the next. */
static void
engine_killed_twice(void **state G_GNUC_UNUSED)
{
    static const char *const second[] = {"confirm.retire:after", "confirm.record:before", "confirm.promote:after",
                                         "confirm.clean:before", NULL};
    Scene *scene = scene_new(&harness_tiny);

    for (const char *const *point = second; *point; point++) {
        scene_crash_at(scene, PROVED);
        for (int i = 0; i < 2; i++) {
            scene_start_doomed_engine(scene, *point);
            scene_await_crash(scene);
        }
        scene_start_engine(scene, NULL);
        scene_check(scene, SCENE_NEW, *point);
    }
    scene_finish(scene);
}

/* ---- One of the QEMUs ---- */

typedef enum { VICTIM_SOURCE, VICTIM_TARGET } Victim;

/* Stops the engine at POINT, kills VICTIM so much later, and lets the engine go on: it must notice and put things right by itself. */
static void
crash_qemu_after(Scene *scene, gulong delay_us, const char *point, Victim victim, const char *failing, SceneEnd expected)
{
    scene_start_engine(scene, "MOULT_CRASH_STOP", point, "MOULT_CRASH_FAIL", failing ? failing : "", NULL);
    Program *upgrade = scene_start_upgrade(scene, NULL);
    if (!scene_await_stop(scene, upgrade))
        fail_msg("the upgrade has ended before %s", point);
    g_usleep(delay_us);
    bool is_dead = scene_kill(scene, victim == VICTIM_SOURCE ? scene->guest->pid : scene_find_target(scene));
    assert_true(is_dead);
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    if (reply->status == EXIT_OPERATOR) {
        g_autoptr(json_object) evidence = scene_get_evidence(scene);
        fail_msg("%s: one death must not need an operator: %s", point, qmp_json_to_text(evidence, NULL));
    }
    scene_await_rest(scene);
    harness_engine_check(scene->engine); /* by itself, without a restart */
    scene_start_engine(scene, NULL);
    scene_check(scene, expected, point);
}

static void
crash_qemu(Scene *scene, const char *point, Victim victim, const char *failing, SceneEnd expected)
{
    crash_qemu_after(scene, 0, point, victim, failing, expected);
}

static SceneEnd
after_target(const char *point)
{
    if (scene_point_precedes(point, MIGRATE))
        return SCENE_OLD;
    return scene_point_precedes(point, "perform.complete:after") ? SCENE_ANY : SCENE_ENDED;
}

static void
target_killed_at_every_step(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    Scene *scene = scene_new(&harness_tiny);

    for (char **point = points; *point; point++)
        if (is_forward(*point) && !scene_point_precedes(*point, STARTED))
            crash_qemu(scene, *point, VICTIM_TARGET, NULL, after_target(*point));
    scene_finish(scene);
}

/*
 * Moments after `migrate`, one after the other: while it loads the state, between its RESUME and its last word to the source,
 * and after. The source resumes by itself where that word is missing, on memory that may not be its own any more.
 */
static void
target_killed_as_it_starts(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    for (gulong delay_us = 0; delay_us < 10000; delay_us += 500)
        crash_qemu_after(scene, delay_us, MIGRATE, VICTIM_TARGET, NULL, SCENE_ANY);
    scene_finish(scene);
}

static SceneEnd
after_source(const char *point)
{
    if (scene_point_precedes(point, MIGRATE))
        return SCENE_ENDED;
    return scene_point_precedes(point, "perform.complete:after") ? SCENE_ANY : SCENE_NEW;
}

static void
source_killed_at_every_step(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    Scene *scene = scene_new(&harness_tiny);

    for (char **point = points; *point; point++)
        if (is_forward(*point) && scene_point_precedes(*point, RETIRED))
            crash_qemu(scene, *point, VICTIM_SOURCE, NULL, after_source(*point));
    scene_finish(scene);
}

/* ---- On the way back ---- */

/* A step that fails before `migrate`: the way back is walked from there. */
#define FAILING "perform.stop"

static bool
is_on_the_way_back(const char *point)
{
    return is_backward(point) && scene_point_precedes(point, "perform.migrate:before");
}

static void
crash_engine_on_the_way_back(Scene *scene, const char *point)
{
    scene_start_engine(scene, "MOULT_CRASH_POINT", point, "MOULT_CRASH_FAIL", FAILING, NULL);
    Program *upgrade = scene_start_upgrade(scene, NULL);
    scene_await_crash(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_OLD, point);
}

static void
engine_killed_on_the_way_back(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    Scene *scene = scene_new(&harness_tiny);

    for (char **point = points; *point; point++)
        if (is_on_the_way_back(*point))
            crash_engine_on_the_way_back(scene, *point);
    scene_finish(scene);
}

static void
source_killed_on_the_way_back(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    Scene *scene = scene_new(&harness_tiny);

    for (char **point = points; *point; point++)
        if (is_on_the_way_back(*point))
            crash_qemu(scene, *point, VICTIM_SOURCE, FAILING, SCENE_ENDED);
    scene_finish(scene);
}

static void
target_killed_on_the_way_back(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    Scene *scene = scene_new(&harness_tiny);

    for (char **point = points; *point; point++)
        if (is_on_the_way_back(*point) && !scene_point_precedes(*point, "prepare.register:undo"))
            crash_qemu(scene, *point, VICTIM_TARGET, FAILING, SCENE_OLD);
    scene_finish(scene);
}

/*
 * All the way back: the target has the whole state, and dies before it was let run (--paused). The source has handed over, and
 * gets the guest back. The engine that knows this dies on its way; the next one must know it from the record.
 */
static void
engine_killed_on_the_way_back_from_the_end(void **state G_GNUC_UNUSED)
{
    g_auto(GStrv) points = scene_list_points();
    Scene *scene = scene_new(&harness_tiny);

    for (char **point = points; *point; point++) {
        if (!is_backward(*point))
            continue;
        scene_crash_on_the_way_back(scene, *point);
        scene_start_engine(scene, NULL);
        scene_check(scene, SCENE_OLD, *point);
    }
    scene_finish(scene);
}

/*
 * A target that hangs while it loads: stopped by us before `migrate`. The engine gives up, stops it (which it is), and dies at
 * that very moment. What the next engine makes of it is either: it lets the target go on, which then has all it needs.
 */
static void
engine_killed_while_the_target_is_stopped(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    for (int i = 0; i < 3; i++) {
        scene_start_engine(scene, "MOULT_CRASH_STOP", "perform.migrate:before", "MOULT_CRASH_POINT",
                           "perform.migrate:frozen", NULL);
        Program *upgrade = scene_start_upgrade(scene, "--timeout=2");
        assert_true(scene_await_stop(scene, upgrade));
        assert_int_equal(kill(scene_find_target(scene), SIGSTOP), 0);
        scene_continue_engine(scene);
        scene_await_crash_of_resting_guest(scene);
        g_autoptr(HarnessReply) reply = moult_finish(upgrade);
        scene_start_engine(scene, NULL);
        scene_check(scene, SCENE_EITHER, "perform.migrate:frozen");
    }
    scene_finish(scene);
}

/* ---- A guest in a chroot: the state leaves through a pair of sockets, of which the source has one beforehand ---- */

static unsigned
count_sockets(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;
    const char *name;

    assert_non_null(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *link = g_build_filename(path, name, NULL), *target = g_file_read_link(link, NULL);
        n += target && g_str_has_prefix(target, "socket:");
    }
    return n;
}

/* As many as there were before: whoever has come to look has gone again. */
static void
await_sockets(pid_t pid, unsigned wanted)
{
    unsigned n = 0;

    for (int i = 0; i < 1000 && (n = count_sockets(pid)) != wanted; i++)
        g_usleep(10000);
    assert_int_equal(n, wanted);
}

static void
guest_in_a_chroot(void **state G_GNUC_UNUSED)
{
    static const char *const points[] = {"perform.listen:before", "perform.listen:after", "perform.migrate:before",
                                         "perform.migrate:after", "perform.complete:after", "finish.prove:before",
                                         "confirm.retire:after", NULL};
    static const char *const back[] = {"perform.listen:undo", "perform.listen:undone", NULL};
    HarnessSpec spec = harness_tiny;

    harness_need_root();
    spec.arguments = "-chroot @folder@";
    Scene *scene = scene_new(&spec);
    unsigned n_sockets = count_sockets(scene->guest->pid);

    scene_crash_at(scene, "perform.listen:after");
    await_sockets(scene->guest->pid, n_sockets); /* the engine's connection has gone, its end of the pair has come */
    scene_start_engine(scene, NULL);
    harness_guest_await_recovery(scene->guest);
    await_sockets(scene->guest->pid, n_sockets);
    scene_check(scene, SCENE_OLD, "perform.listen:after");
    for (const char *const *point = points; *point; point++)
        crash_engine(scene, *point, scene_get_end_after(*point));
    for (const char *const *point = back; *point; point++)
        crash_engine_on_the_way_back(scene, *point);
    crash_qemu(scene, "perform.listen:after", VICTIM_TARGET, NULL, SCENE_OLD);
    for (gulong delay_us = 0; delay_us < 4000; delay_us += 1000)
        crash_qemu_after(scene, delay_us, MIGRATE, VICTIM_TARGET, NULL, SCENE_ANY);
    crash_qemu(scene, "perform.listen:after", VICTIM_SOURCE, NULL, SCENE_ENDED);
    crash_qemu(scene, MIGRATE, VICTIM_SOURCE, NULL, SCENE_ANY);
    crash_qemu(scene, "confirm.retire:before", VICTIM_SOURCE, NULL, SCENE_NEW);
    scene_finish(scene);
}

/* ---- A Linux guest that verifies its memory and its disk ---- */

static void
linux_guest(void **state G_GNUC_UNUSED)
{
    static const char *const points[] = {"prepare.compare:after", "perform.migrate:before", "perform.migrate:after",
                                         "perform.complete:after", "finish.prove:before", "confirm.retire:before",
                                         "confirm.retire:after", "confirm.promote:before", "confirm.clean:after", NULL};
    Scene *scene = scene_new(&harness_linux);

    for (const char *const *point = points; *point; point++) {
        crash_engine(scene, *point, scene_get_end_after(*point));
        harness_guest_check_disk(scene->guest);
    }
    crash_qemu(scene, "perform.listen:after", VICTIM_TARGET, NULL, SCENE_OLD);
    harness_guest_check_disk(scene->guest);
    crash_qemu(scene, "confirm.retire:before", VICTIM_SOURCE, NULL, SCENE_NEW);
    harness_guest_check_network(scene->guest);
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(every_point_is_in_a_suite),
        HARNESS_TEST(engine_killed_at_every_step),
        HARNESS_TEST(target_killed_at_every_step),
        HARNESS_TEST(target_killed_as_it_starts),
        HARNESS_TEST(source_killed_at_every_step),
        HARNESS_TEST(engine_killed_on_the_way_back),
        HARNESS_TEST(engine_killed_on_the_way_back_from_the_end),
        HARNESS_TEST(engine_killed_while_the_target_is_stopped),
        HARNESS_TEST(source_killed_on_the_way_back),
        HARNESS_TEST(target_killed_on_the_way_back),
        HARNESS_TEST(engine_killed_twice),
        HARNESS_TEST(guest_in_a_chroot),
        HARNESS_TEST(linux_guest),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
