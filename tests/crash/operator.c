/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one death cannot do, two can: bring a guest to where nobody knows which of its QEMUs has it. Both must be left as they
 * are, the guest must stay known, and the operator must be able to end it, but not to let two run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "processes.h"
#include "scene.h"

/* The target had the whole state and was not let run; it dies while no engine looks. The source could go on, or could not. */
static Scene *
make_doubt(void)
{
    Scene *scene = scene_new(&harness_tiny);

    scene_crash_at_rest(scene, "finish.prove:before", "--paused");
    assert_true(scene_kill(scene, scene_find_target(scene)));
    scene_start_engine(scene, NULL);
    return scene;
}

static void
expect_doubt(Scene *scene, const char *reason)
{
    g_autofree char *state = harness_guest_dup_state(scene->guest);
    g_autoptr(json_object) evidence = scene_get_evidence(scene);

    assert_non_null(state);
    assert_string_equal(state, "needs-operator");
    if (!evidence || !strstr(qmp_json_get_string(evidence, "reason"), reason))
        fail_msg("the evidence does not say '%s': %s", reason, qmp_json_to_text(evidence, NULL));
}

static void
expect_possible(Scene *scene, bool source, bool target)
{
    g_autoptr(HarnessReply) reply = moult(scene->engine, "resolve", "g", "--json", NULL);
    json_object *evidence = qmp_json_get_object(reply->output, "evidence");
    bool found_source = !source, found_target = !target;

    assert_status(reply, EXIT_OPERATOR);
    qmp_json_get_bool(qmp_json_get_object(evidence, "keep_source"), "possible", &found_source);
    qmp_json_get_bool(qmp_json_get_object(evidence, "keep_target"), "possible", &found_target);
    assert_true(found_source == source && found_target == target);
    assert_non_null(qmp_json_get_string(qmp_json_get_object(evidence, "keep_source"), "means"));
    assert_non_null(qmp_json_get_string(qmp_json_get_object(evidence, "keep_target"), "means"));
}

static void
keep(Scene *scene, const char *which)
{
    g_autofree char *option = g_strconcat("--keep=", which, NULL);
    g_autoptr(HarnessReply) reply = moult(scene->engine, "resolve", "g", option, "--json", NULL);

    assert_status(reply, EXIT_DONE);
}

static void
expect_refused(Scene *scene, const char *which, const char *words)
{
    g_autofree char *option = g_strconcat("--keep=", which, NULL);
    g_autoptr(HarnessReply) reply = moult(scene->engine, "resolve", "g", option, "--json", NULL);

    assert_refusal(reply, EXIT_REFUSED, "choice-refused", words);
}

static unsigned
count_qemus(const Scene *scene)
{
    g_autoptr(GPtrArray) processes = processes_find(scene->engine->folder);

    return processes->len;
}

static void
source_is_kept(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_doubt();

    expect_doubt(scene, "nobody saw whether it had run");
    expect_possible(scene, true, false);
    expect_refused(scene, "target", "has ended");
    expect_doubt(scene, "nobody saw whether it had run");
    keep(scene, "source");
    scene_check(scene, SCENE_OLD, "source kept");
    scene_finish(scene);
}

static void
nothing_else_is_done_meanwhile(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_doubt();
    g_autoptr(HarnessReply) upgrade = moult(scene->engine, "upgrade", "g", "--json", NULL);
    g_autoptr(HarnessReply) stop = moult(scene->engine, "stop", "g", "--json", NULL);
    g_autoptr(HarnessReply) wrong = moult(scene->engine, "resolve", "g", "--keep=both", "--json", NULL);
    g_autoptr(HarnessReply) unknown = moult(scene->engine, "resolve", "h", "--keep=source", "--json", NULL);

    assert_status(upgrade, EXIT_OPERATOR);
    assert_status(stop, EXIT_OPERATOR);
    assert_status(wrong, EXIT_USAGE);
    assert_refusal(unknown, EXIT_REFUSED, "guest-unknown", NULL);
    expect_doubt(scene, "nobody saw");
    assert_int_equal(count_qemus(scene), 1);
    keep(scene, "source");
    g_autoptr(HarnessReply) again = moult(scene->engine, "resolve", "g", "--keep=source", "--json", NULL);
    assert_refusal(again, EXIT_REFUSED, "not-in-doubt", NULL);
    scene_check(scene, SCENE_OLD, "resolved once");
    scene_finish(scene);
}

static unsigned
count_history(Scene *scene)
{
    g_autoptr(HarnessReply) reply = moult(scene->engine, "history", "g", "--json", NULL);

    assert_status(reply, EXIT_DONE);
    return (unsigned)json_object_array_length(qmp_json_get_array(reply->output, "entries"));
}

static void
engine_starts_again_in_between(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_doubt();
    unsigned n = count_history(scene);

    for (int i = 0; i < 3; i++) {
        if (i == 1)
            harness_engine_kill(scene->engine);
        scene_start_engine(scene, NULL);
        expect_doubt(scene, "nobody saw");
        assert_int_equal(count_history(scene), n);
    }
    keep(scene, "source");
    scene_check(scene, SCENE_OLD, "after three engines");
    scene_finish(scene);
}

/* What two could not decide, none can be asked for: the guest has ended. */
static void
source_ends_in_doubt(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_doubt();

    assert_true(scene_kill(scene, scene->guest->pid));
    harness_guest_await_gone(scene->guest);
    scene_check(scene, SCENE_ENDED, "source killed in doubt");
    scene_finish(scene);
}

/* Somebody lets the source have it, too, on the monitor that is the operator's own. */
static void
both_have_it(void **state G_GNUC_UNUSED)
{
    if (g_strcmp0(g_getenv("MOULT_CRASH_GUEST"), "linux") == 0) {
        print_message("a guest with a disk cannot be let run in its source: the target has the lock\n");
        skip();
    }
    Scene *scene = scene_new(&harness_tiny);
    pid_t target;

    scene_crash_at_rest(scene, "finish.prove:after", NULL);
    target = scene_find_target(scene);
    assert_int_equal(kill(target, SIGSTOP), 0); /* not on one memory at once, not even here */
    harness_guest_qmp(scene->guest, "cont");
    harness_guest_qmp(scene->guest, "stop");
    assert_int_equal(kill(target, SIGCONT), 0);
    scene_start_engine(scene, NULL);
    expect_doubt(scene, "both QEMUs claim the guest");
    expect_possible(scene, false, true);
    expect_refused(scene, "source", "has run the guest");
    assert_int_equal(count_qemus(scene), 2);
    keep(scene, "target");
    scene_check(scene, SCENE_NEW, "target kept");
    scene_finish(scene);
}

static void
spoil_journal(const Scene *scene, const char *with)
{
    g_autofree char *folder = g_build_filename(scene->engine->runtime, "journal", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name = g_dir_read_name(dir);
    g_autofree char *path = g_build_filename(folder, name, NULL);

    if (with)
        assert_true(g_file_set_contents_full(path, with, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    else
        assert_int_equal(g_unlink(path), 0);
}

/* Without its record nothing is done to either of two. */
static void
journal_is_gone(void **state G_GNUC_UNUSED)
{
    static const char *const kept[] = {"target", "source"};
    Scene *scene = scene_new(&harness_tiny);

    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        scene_crash_at_rest(scene, i == 0 ? "confirm.retire:before" : "perform.listen:before", NULL);
        spoil_journal(scene, NULL);
        scene_start_engine(scene, NULL);
        expect_doubt(scene, "");
        assert_int_equal(count_qemus(scene), 2);
        scene_start_engine(scene, NULL);
        expect_doubt(scene, "");
        assert_int_equal(count_qemus(scene), 2);
        keep(scene, kept[i]);
        scene_check(scene, i == 0 ? SCENE_NEW : SCENE_OLD, "without a journal");
    }
    scene_finish(scene);
}

static void
journal_is_of_another_version(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    scene_crash_at_rest(scene, "confirm.retire:before", NULL);
    spoil_journal(scene, "{\"format\":\"moult-journal\",\"version\":99}");
    scene_start_engine(scene, NULL);
    expect_doubt(scene, "");
    keep(scene, "target");
    spoil_journal(scene, NULL); /* left as it is, until somebody removes it */
    scene_check(scene, SCENE_NEW, "a journal of the future");
    scene_finish(scene);
}

/* The operator wants neither: both end, and nothing is left of them. */
static void
stop(Scene *scene, const char *what)
{
    g_autoptr(HarnessReply) reply = moult(scene->engine, "stop", "g", "--force", "--json", NULL);

    assert_status(reply, EXIT_DONE);
    assert_int_equal(count_qemus(scene), 0);
    scene_check(scene, SCENE_ENDED, what);
}

static void
stopped_by_force(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_doubt();

    stop(scene, "the one that is left");
    scene_crash_at_rest(scene, "confirm.retire:before", NULL);
    spoil_journal(scene, NULL);
    scene_start_engine(scene, NULL);
    expect_doubt(scene, "");
    assert_int_equal(count_qemus(scene), 2);
    stop(scene, "both");
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(source_is_kept),
        HARNESS_TEST(nothing_else_is_done_meanwhile),
        HARNESS_TEST(engine_starts_again_in_between),
        HARNESS_TEST(source_ends_in_doubt),
        HARNESS_TEST(both_have_it),
        HARNESS_TEST(journal_is_gone),
        HARNESS_TEST(journal_is_of_another_version),
        HARNESS_TEST(stopped_by_force),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
