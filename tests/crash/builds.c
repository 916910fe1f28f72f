/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine itself is upgraded in the middle of an upgrade: another build of it, at another path, takes up what the one before
 * has left. A record of an older one is read; one of a newer one stays as it is, and so do the QEMUs, until that is back.
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

#define LISTENING "perform.listen:after"

/* The one with crash points dies; what is installed comes. */
static void
crash_at(Scene *scene, const char *point)
{
    scene->engine->binary = CRASH_MOULTD;
    scene_crash_at(scene, point);
}

static void
start_other_build(Scene *scene)
{
    scene->engine->binary = CRASH_OTHER_MOULTD;
    scene_start_engine(scene, NULL);
}

static void
another_build_takes_up(void **state G_GNUC_UNUSED)
{
    static const char *const points[] = {"prepare.paths:after",    "prepare.start:after",  LISTENING,
                                         "perform.migrate:after",  "perform.complete:after", "finish.prove:after",
                                         "confirm.retire:after",   "confirm.promote:after",  "confirm.clean:after", NULL};
    Scene *scene = scene_new(&harness_tiny);

    for (const char *const *point = points; *point; point++) {
        crash_at(scene, *point);
        start_other_build(scene);
        scene_check(scene, scene_get_end_after(*point), *point);
    }
    scene_finish(scene);
}

/* As a package's script does it: SIGTERM, which rolls back what can be, then the new one. */
static void
told_to_leave_for_another_build(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(&harness_tiny);

    scene->engine->binary = CRASH_MOULTD;
    Program *upgrade = scene_begin_at(scene, "prepare.connect:after", NULL);
    program_signal(scene->engine->moultd, SIGTERM);
    scene_continue_engine(scene);
    harness_engine_wait_end(scene->engine);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    start_other_build(scene);
    scene_check(scene, SCENE_EITHER, "told to leave");
    scene_finish(scene);
}

/* ---- Its record ---- */

static char *
find_record(const Scene *scene)
{
    g_autofree char *folder = g_build_filename(scene->engine->runtime, "journal", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name = g_dir_read_name(dir);

    assert_non_null(name);
    return g_build_filename(folder, name, NULL);
}

static char *
read_record(const char *path)
{
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void
write_record(const char *path, const char *text)
{
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* Members that the first engines did not write. */
static void
make_older(const char *path)
{
    static const char *const times[] = {"begin_us", "begin_offset_us", "stop_seen_us", "resume_seen_us", "end_offset_us"};
    g_autofree char *text = read_record(path);
    g_autoptr(json_object) record = qmp_json_parse(text, strlen(text), 16, NULL);
    json_object *cookies = qmp_json_get_object(record, "cookies");

    json_object_object_del(record, "from");
    json_object_object_del(record, "to");
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        json_object *perform = qmp_json_get_object(cookies, "perform"), *finish = qmp_json_get_object(cookies, "finish");
        if (perform)
            json_object_object_del(perform, times[i]);
        if (finish)
            json_object_object_del(finish, times[i]);
    }
    write_record(path, qmp_json_to_text(record, NULL));
}

static void
record_of_an_older_build_is_taken_up(void **state G_GNUC_UNUSED)
{
    static const char *const points[] = {LISTENING, "finish.prove:after", "confirm.retire:after", NULL};
    Scene *scene = scene_new(&harness_tiny);

    for (const char *const *point = points; *point; point++) {
        crash_at(scene, *point);
        g_autofree char *path = find_record(scene);
        make_older(path);
        start_other_build(scene);
        scene_check(scene, scene_get_end_after(*point), *point);
    }
    scene_finish(scene);
}

static size_t
count_qemus(const Scene *scene)
{
    g_autoptr(GPtrArray) processes = processes_find(scene->engine->folder);
    size_t n = 0;

    for (guint i = 0; i < processes->len; i++)
        n += strstr(((const Process *)g_ptr_array_index(processes, i))->instance, "/instances/") != NULL;
    return n;
}

/* What this engine cannot read may mean anything. */
static void
record_of_a_newer_build_is_left_to_it(void **state G_GNUC_UNUSED)
{
    static const char *const newer[][2] = {{"\"version\":1", "\"version\":2"},
                                           {"\"step\":\"perform.listen\"", "\"step\":\"perform.teleport\""}};
    Scene *scene = scene_new(&harness_tiny);

    for (size_t i = 0; i < G_N_ELEMENTS(newer); i++) {
        crash_at(scene, LISTENING);
        g_autofree char *path = find_record(scene), *before = read_record(path);
        g_autoptr(GString) text = g_string_new(before);
        assert_int_equal(g_string_replace(text, newer[i][0], newer[i][1], 1), 1);
        write_record(path, text->str);
        start_other_build(scene);
        g_autofree char *guest = harness_guest_dup_state(scene->guest), *after = read_record(path);
        assert_string_equal(guest, "needs-operator");
        assert_string_equal(after, text->str);
        assert_int_equal(count_qemus(scene), 2);
        harness_guest_check(scene->guest);
        harness_engine_stop(scene->engine);
        assert_non_null(strstr(scene->engine->log->str, "for the moultd that wrote it"));
        /* That is back, and knows what to do. */
        write_record(path, before);
        scene->engine->binary = CRASH_MOULTD;
        scene_start_engine(scene, NULL);
        scene_check(scene, SCENE_OLD, newer[i][1]);
    }
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(another_build_takes_up),
        HARNESS_TEST(told_to_leave_for_another_build),
        HARNESS_TEST(record_of_an_older_build_is_taken_up),
        HARNESS_TEST(record_of_a_newer_build_is_left_to_it),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
