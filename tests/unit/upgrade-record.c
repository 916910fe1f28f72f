/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record of an upgrade: what is written is read back, and what is not understood is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

#include "guest/instance.h"
#include "qmp/json.h"
#include "upgrade/record.h"

#define UUID "c6d2a6a2-8a0f-4a31-a3a9-0a52d20f6e5e"

typedef struct {
    char *folder;
    PathsDirs dirs;
} Fixture;

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->folder = g_dir_make_tmp("moult-record-XXXXXX", NULL);
    assert_non_null(fixture->folder);
    fixture->dirs.journal = g_build_filename(fixture->folder, "journal", NULL);
    assert_int_equal(g_mkdir(fixture->dirs.journal, 0700), 0);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GDir) dir = g_dir_open(fixture->dirs.journal, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(fixture->dirs.journal, name, NULL);
        g_unlink(path);
    }
    g_rmdir(fixture->dirs.journal);
    g_rmdir(fixture->folder);
    g_free(fixture->dirs.journal);
    g_free(fixture->folder);
    g_free(fixture);
    return 0;
}

static json_object *
parse(const char *text)
{
    return qmp_json_parse(text, strlen(text), 4, NULL);
}

static UpgradeRecord *
make_record(void)
{
    UpgradeRecord *record = upgrade_record_new("web1", UUID);

    record->step = g_strdup("perform.migrate");
    record->method = g_strdup("shared");
    record->started = g_strdup("2026-01-01T00:00:00.000Z");
    record->source_id = 7;
    record->source = (ProcessIdentity){.pid = 100, .start_time = 1000};
    record->target_id = 8;
    record->target = (ProcessIdentity){.pid = 200, .start_time = 2000};
    record->target_ran = UPGRADE_RAN_NO;
    record->source_was_running = true;
    record->from = parse("{\"path\":\"/old\",\"version\":\"7.2.22\"}");
    record->to = parse("{\"path\":\"/new\"}");
    return record;
}

static void
what_is_saved_is_listed(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(UpgradeRecord) record = make_record();
    g_autoptr(GPtrArray) problems = NULL;

    assert_true(upgrade_record_save(record, &fixture->dirs, NULL));
    g_autoptr(GPtrArray) records = upgrade_record_list(&fixture->dirs, &problems, NULL);
    assert_int_equal(records->len, 1);
    assert_int_equal(problems->len, 0);
    const UpgradeRecord *read = g_ptr_array_index(records, 0);
    assert_string_equal(read->session, record->session);
    assert_string_equal(read->guest, "web1");
    assert_string_equal(read->uuid, UUID);
    assert_string_equal(read->step, "perform.migrate");
    assert_string_equal(read->method, "shared");
    assert_string_equal(qmp_json_get_string(read->from, "path"), "/old");
    assert_string_equal(qmp_json_get_string(read->from, "version"), "7.2.22");
    assert_string_equal(qmp_json_get_string(read->to, "path"), "/new");
    assert_true(read->source_id == 7 && read->source.pid == 100 && read->source.start_time == 1000);
    assert_true(read->target_id == 8 && read->target.pid == 200 && read->target.start_time == 2000);
    assert_int_equal(read->target_ran, UPGRADE_RAN_NO);
    assert_true(read->source_was_running && !read->start_paused && !read->aborting && !read->needs_operator);
    assert_true(upgrade_record_remove(record, &fixture->dirs, NULL));
    g_autoptr(GPtrArray) no_problems = NULL;
    g_autoptr(GPtrArray) none = upgrade_record_list(&fixture->dirs, &no_problems, NULL);
    assert_int_equal(none->len, 0);
}

static void
expect_refused(json_object *object, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(UpgradeRecord) record = upgrade_record_from_json(object, &error);

    if (record)
        fail_msg("accepted although %s", why);
    assert_non_null(error);
}

static json_object *
make_json(void)
{
    g_autoptr(UpgradeRecord) record = make_record();

    return upgrade_record_to_json(record);
}

static void
a_member_that_is_missing_or_of_another_kind(void **state)
{
    static const char *const members[] = {"format",         "version", "boot_id",     "session",    "guest",
                                          "uuid",           "step",    "aborting",    "target_ran", "source",
                                          "needs_operator", "target",  "stops_first", "method",     "source_was_running",
                                          "start_paused",   "cookies"};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        g_autoptr(json_object) missing = make_json();
        json_object_object_del(missing, members[i]);
        expect_refused(missing, members[i]);
        g_autoptr(json_object) other = make_json();
        json_object_object_add(other, members[i], json_object_new_array());
        expect_refused(other, members[i]);
    }
}

static void
a_text_that_means_nothing_to_us(void **state)
{
    static const char *const texts[][2] = {
        {"format", "moult-instance"},    {"boot_id", "another"},       {"boot_id", ""},
        {"step", "perform.teleport"},    {"step", ""},                 {"method", "cpr"},
        {"method", "auto"},              {"session", "../../../evil"}, {"session", ""},
        {"guest", "../web1"},            {"guest", ""},                {"uuid", "no-uuid"},
        {"target_ran", "perhaps"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(json_object) object = make_json();
        json_object_object_add(object, texts[i][0], json_object_new_string(texts[i][1]));
        expect_refused(object, texts[i][0]);
    }
}

static void
set_instance(json_object *object, const char *which, const char *key, gint64 value)
{
    json_object_object_add(qmp_json_get_object(object, which), key, json_object_new_int64(value));
}

static void
instances_that_cannot_be(void **state)
{
    static const struct {
        const char *which, *key;
        gint64 value;
    } cases[] = {
        {"source", "domain_id", 0}, {"source", "domain_id", 8}, {"source", "domain_id", 9},
        {"source", "pid", 0},       {"source", "pid", -1},      {"source", "pid", G_GINT64_CONSTANT(1) << 40},
        {"target", "domain_id", 0}, {"target", "pid", -1},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_object) object = make_json();
        set_instance(object, cases[i].which, cases[i].key, cases[i].value);
        expect_refused(object, cases[i].key);
    }
}

/* ---- Written by other engines (tests/unit/records) ---- */

static json_object *
load_sample(const char *name)
{
    g_autofree char *path = g_build_filename(MOULT_SOURCE_DIR, "tests", "unit", "records", name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error))
        fail_msg("%s", error->message);
    json_object *object = qmp_json_parse(text, strlen(text), 16, &error);
    if (!object)
        fail_msg("%s: %s", path, error->message);
    json_object_object_add(object, "boot_id", json_object_new_string(process_boot_id()));
    return object;
}

static void
records_of_the_first_engines_are_read(void **state)
{
    g_autoptr(json_object) journal = load_sample("journal-1-first.json"), config = load_sample("instance-1-first.json");
    g_autoptr(GError) error = NULL;
    g_autoptr(UpgradeRecord) record = upgrade_record_from_json(journal, &error);

    (void)state;
    assert_null(error);
    assert_string_equal(record->step, "perform.complete");
    assert_int_equal(record->target_id, 8);
    assert_null(record->from);
    assert_null(record->to);
    g_autoptr(GuestInstance) instance = guest_instance_from_json(config, &error);
    assert_null(error);
    assert_false(instance->adopted);
    assert_int_equal(instance->deferred->len, 0);
}

/* Whoever reads the log learns why it is left alone. */
static void
records_of_the_future_are_left_alone(void **state)
{
    static const char *const samples[][2] = {{"journal-2.json", "version 2 "}, {"journal-1-step-unknown.json", "perform.teleport"}};
    const Fixture *fixture = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autoptr(json_object) object = load_sample(samples[i][0]);
        g_autofree char *name = g_strconcat(qmp_json_get_string(object, "session"), ".json", NULL);
        g_autofree char *path = g_build_filename(fixture->dirs.journal, name, NULL);
        const char *text = qmp_json_to_text(object, NULL);
        g_autoptr(GPtrArray) problems = NULL;
        g_autofree char *after = NULL;

        assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
        g_autoptr(GPtrArray) records = upgrade_record_list(&fixture->dirs, &problems, NULL);
        assert_int_equal(records->len, 0);
        assert_int_equal(problems->len, 1);
        assert_non_null(strstr(g_ptr_array_index(problems, 0), samples[i][1]));
        assert_true(g_file_get_contents(path, &after, NULL, NULL));
        assert_string_equal(after, text);
        assert_int_equal(g_unlink(path), 0);
    }
}

static void
a_member_that_we_do_not_know_is_no_obstacle(void **state)
{
    g_autoptr(json_object) object = make_json();

    (void)state;
    json_object_object_add(object, "colour", json_object_new_string("blue"));
    g_autoptr(UpgradeRecord) record = upgrade_record_from_json(object, NULL);
    assert_non_null(record);
}

static void
put(const Fixture *fixture, const char *name, const char *text, gssize length)
{
    g_autofree char *path = g_build_filename(fixture->dirs.journal, name, NULL);

    assert_true(g_file_set_contents_full(path, text, length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static void
files_that_are_no_records_are_left_as_they_are(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(json_object) object = make_json();
    size_t length = 0;
    const char *text = qmp_json_to_text(object, &length);
    g_autoptr(GPtrArray) problems = NULL;

    put(fixture, "empty.json", "", 0);
    put(fixture, "garbage.json", "\xff\xfe{", 3);
    put(fixture, "torn.json", text, (gssize)length / 2);
    put(fixture, "another-name.json", text, (gssize)length);
    put(fixture, ".half.json.1-2.tmp", text, (gssize)length / 2);
    g_autoptr(GPtrArray) records = upgrade_record_list(&fixture->dirs, &problems, NULL);
    assert_int_equal(records->len, 0);
    assert_int_equal(problems->len, 4);
    g_autofree char *path = g_build_filename(fixture->dirs.journal, "torn.json", NULL);
    assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void
a_record_that_nobody_would_read_back_is_not_written(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(UpgradeRecord) record = make_record();
    g_autofree char *long_text = g_strnfill(9 * 1024 * 1024, 'x');
    g_autoptr(GError) error = NULL;

    json_object_object_add(record->cookies, "prepare", json_object_new_string(long_text));
    assert_false(upgrade_record_save(record, &fixture->dirs, &error));
    assert_non_null(error);
    g_autoptr(GPtrArray) problems = NULL;
    g_autoptr(GPtrArray) records = upgrade_record_list(&fixture->dirs, &problems, NULL);
    assert_int_equal(records->len + problems->len, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_saved_is_listed),
        TEST(a_member_that_is_missing_or_of_another_kind),
        TEST(a_text_that_means_nothing_to_us),
        TEST(instances_that_cannot_be),
        TEST(records_of_the_first_engines_are_read),
        TEST(records_of_the_future_are_left_alone),
        TEST(a_member_that_we_do_not_know_is_no_obstacle),
        TEST(files_that_are_no_records_are_left_as_they_are),
        TEST(a_record_that_nobody_would_read_back_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
