/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine is killed at a random moment of an upgrade, MOULT_CRASH_N times (20), from MOULT_CRASH_SEED (else a random one).
 * Both are printed: the same again is
 *
 *     MOULT_CRASH_SEED=... MOULT_CRASH_N=... build/tests/crash/test-crash-random
 *
 * (The moments are of this machine, though.) Every fourth time it is the source or the target that dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scene.h"

#define DEFAULT_N 20
/* Of an upgrade of the tiny guest, with the engine's own start of the target; a moment later it is over. */
#define SPAN_US 350000

static guint32
number_from(const char *name, guint32 otherwise)
{
    const char *text = g_getenv(name);

    return text && *text ? (guint32)strtoul(text, NULL, 10) : otherwise;
}

static void
kill_engine(Scene *scene, Program *upgrade, const char *what)
{
    harness_engine_kill(scene->engine);
    scene->n_kills++;
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_true(reply->status == EXIT_UNREACHABLE || reply->status == EXIT_DONE);
    harness_guest_check(scene->guest);
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_EITHER, what);
}

/* The source lives: the guest may have ended with a target only that had run it, or was its only QEMU by then. */
static void
expect_end_of_a_target_that_ran(Scene *scene, const char *what)
{
    g_autofree char *state = harness_guest_dup_state(scene->guest);
    g_autoptr(HarnessReply) reply = moult(scene->engine, "history", "g", "--json", NULL);
    json_object *entries = qmp_json_get_array(reply->output, "entries");

    if (state)
        return;
    assert_non_null(entries);
    json_object *last = json_object_array_get_idx(entries, json_object_array_length(entries) - 1);
    const char *message = qmp_json_get_string(last, "message");
    bool was_upgraded = g_strcmp0(qmp_json_get_string(last, "outcome"), "upgraded") == 0;
    if (!was_upgraded && (!message || !strstr(message, "after it had run the guest")))
        fail_msg("%s: the guest is lost: %s", what, qmp_json_to_text(last, NULL));
}

/* Whichever it hits, one death of one QEMU must be settled without an operator. */
static void
kill_qemu(Scene *scene, Program *upgrade, bool is_source, const char *what)
{
    pid_t victim = is_source ? scene->guest->pid : scene_find_target(scene);
    bool is_dead = victim != 0 && scene_kill(scene, victim);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);

    /* Killed before the command was heard: there was no such guest any more. */
    bool was_too_late = is_source && is_dead && reply->status == EXIT_REFUSED;
    if (reply->status != EXIT_DONE && reply->status != EXIT_FAILED && !was_too_late)
        fail_msg("%s: %d %s", what, reply->status, reply->text);
    scene_await_rest(scene);
    if (!is_source)
        expect_end_of_a_target_that_ran(scene, what);
    scene_check(scene, is_dead ? SCENE_ANY : SCENE_EITHER, what);
}

static void
random_moments(void **state G_GNUC_UNUSED)
{
    guint32 seed = number_from("MOULT_CRASH_SEED", g_random_int()), n = number_from("MOULT_CRASH_N", DEFAULT_N);
    g_autoptr(GRand) numbers = g_rand_new_with_seed(seed);
    Scene *scene = scene_new(&harness_tiny);

    print_message("MOULT_CRASH_SEED=%u MOULT_CRASH_N=%u\n", seed, n);
    for (guint32 i = 0; i < n; i++) {
        gint32 moment_us = g_rand_int_range(numbers, 0, SPAN_US), die = g_rand_int_range(numbers, 0, 8);
        g_autofree char *what = g_strdup_printf("%u: %s at %d us", i, die == 0 ? "source" : die == 1 ? "target" : "engine",
                                                moment_us);
        Program *upgrade = scene_start_upgrade(scene, NULL);
        g_usleep((gulong)moment_us);
        if (die > 1)
            kill_engine(scene, upgrade, what);
        else
            kill_qemu(scene, upgrade, die == 0, what);
    }
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {HARNESS_TEST(random_moments)};

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
