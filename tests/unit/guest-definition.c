/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths-helper.h"

#include "guest/definition.h"
#include "qmp/json.h"

#define UUID "8b0a9f5e-0b5c-4c7e-9d0f-2f5d2a6f1c11"
#define WHOLE                                                                                                \
    "{\"format\":\"moult-guest\",\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID                           \
    "\",\"binary\":\"/usr/bin/qemu-system-x86_64\",\"argv\":[\"-m\",\"512\",\"\"],\"cwd\":\"/srv\","         \
    "\"environment\":null,\"user\":null,\"hugepage_size_bytes\":2097152}"

#define assert_invalid(error, text)                                                                          \
    do {                                                                                                     \
        if (!g_error_matches(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_INVALID) ||               \
            !strstr((error)->message, text))                                                                 \
            fail_msg("'%s' is not the refusal of %s", (error) ? (error)->message : "no error", text);        \
        g_clear_error(&(error));                                                                             \
    } while (0)

/* Arguments that are hard to keep to the letter. */
static GuestDefinition *
make(const char *name)
{
    const char *argv[] = {"-append", "a=\"b\" \\ c\td\n", "", "\xc3\xa4\xe2\x82\xac", "path=/a,,b", "-m",
                          NULL};
    const char *environment[] = {"A=1", "EMPTY=", "TWO=a=b", NULL};
    GuestDefinition *definition = guest_definition_new(name, UUID, "/usr/bin/qemu-system-x86_64");
    g_strfreev(definition->argv);
    definition->argv = g_strdupv((char **)(guintptr)argv);
    definition->environment = g_strdupv((char **)(guintptr)environment);
    g_free(definition->cwd);
    definition->cwd = g_strdup("/srv/with blank");
    definition->user = g_strdup("libvirt-qemu");
    definition->hugepage_size_bytes = 1024 * 1024 * 1024;
    return definition;
}

static void
assert_same(const GuestDefinition *a, const GuestDefinition *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->uuid, b->uuid);
    assert_string_equal(a->binary, b->binary);
    assert_true(g_strv_equal((const char *const *)a->argv, (const char *const *)b->argv));
    assert_string_equal(a->cwd, b->cwd);
    assert_true(!a->environment == !b->environment);
    if (a->environment)
        assert_true(g_strv_equal((const char *const *)a->environment, (const char *const *)b->environment));
    assert_int_equal(g_strcmp0(a->user, b->user), 0);
    assert_int_equal(a->hugepage_size_bytes, b->hugepage_size_bytes);
    assert_int_equal(a->transient, b->transient);
}

static GuestDefinition *
parse(const char *text, GError **error)
{
    g_autoptr(json_object) object = qmp_json_parse(text, strlen(text), 8, NULL);
    assert_non_null(object);
    return guest_definition_from_json(object, error);
}

static void
every_field_comes_back_from_json(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    for (int transient = 0; transient < 2; transient++) {
        g_autoptr(GuestDefinition) definition = make("web1");
        definition->transient = transient;
        g_autoptr(json_object) object = guest_definition_to_json(definition, &error);
        assert_ok(object, error);
        g_autoptr(GuestDefinition) again = parse(qmp_json_to_text(object, NULL), &error);
        assert_ok(again, error);
        assert_same(definition, again);
        g_autoptr(GuestDefinition) copy = guest_definition_copy(definition);
        assert_same(definition, copy);
    }
}

static void
json_has_the_documented_form(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GuestDefinition) definition = parse(WHOLE, &error);
    assert_ok(definition, error);
    g_autoptr(json_object) object = guest_definition_to_json(definition, &error);
    assert_string_equal(
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
        WHOLE);
}

static void
upper_case_uuid_is_lowered(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(WHOLE, "8b0a", 2);
    g_autofree char *text = g_strjoinv("8B0A", parts);
    g_autoptr(GuestDefinition) definition = parse(text, &error);
    assert_ok(definition, error);
    assert_string_equal(definition->uuid, UUID);
}

/* WHOLE with OLD replaced must be refused, and the message name FIELD. */
static void
assert_refused(const char *old, const char *new, const char *field)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(WHOLE, old, 2);
    assert_int_equal(g_strv_length(parts), 2);
    g_autofree char *text = g_strjoinv(new, parts);
    assert_null(parse(text, &error));
    assert_invalid(error, field);
}

static void
wrong_fields_are_refused_by_name(void **state)
{
    (void)state;
    const char *const cases[][3] = {
        {"moult-guest", "moult-record", "format"},
        {"\"format\":\"moult-guest\",", "", "format"},
        {"\"version\":1", "\"version\":2", "version"},
        {"\"version\":1", "\"version\":\"1\"", "version"},
        {"\"version\":1,", "", "version"},
        {"\"name\":\"web1\"", "\"name\":\"../web1\"", "name"},
        {"\"name\":\"web1\"", "\"name\":null", "name"},
        {"\"name\":\"web1\",", "", "name"},
        {UUID, "8b0a9f5e", "uuid"},
        {"\"/usr/bin/", "\"", "binary"},
        {"\"/usr/bin/qemu-system-x86_64\"", "7", "binary"},
        {"[\"-m\",\"512\",\"\"]", "null", "argv"},
        {"[\"-m\",\"512\",\"\"]", "\"-m 512\"", "argv"},
        {"\"512\"", "512", "argv"},
        {"\"/srv\"", "\"srv\"", "cwd"},
        {"\"/srv\"", "\"\"", "cwd"},
        {"\"environment\":null,", "", "environment"},
        {"\"environment\":null", "\"environment\":{}", "environment"},
        {"\"environment\":null", "\"environment\":[\"A=1\",\"B\"]", "environment[1]"},
        {"\"environment\":null", "\"environment\":[\"=1\"]", "environment[0]"},
        {"\"user\":null,", "", "user"},
        {"\"user\":null", "\"user\":0", "user"},
        {"\"user\":null", "\"user\":\"\"", "user"},
        {"\"user\":null", "\"user\":\"a\\nb\"", "user"},
        {"2097152", "4096", "hugepage_size_bytes"},
        {"2097152", "-1", "hugepage_size_bytes"},
        {"2097152", "2097152.0", "hugepage_size_bytes"},
        {"2097152", "true", "hugepage_size_bytes"},
        {"2097152", "2097152,\"transient\":1", "transient"},
        {"2097152", "2097152,\"enviroment\":[]", "enviroment"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_refused(cases[i][0], cases[i][1], cases[i][2]);
}

static void
anything_but_an_object_is_refused(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_null(parse("[]", &error));
    assert_invalid(error, "not a JSON object");
    assert_null(guest_definition_from_json(NULL, &error));
    assert_invalid(error, "not a JSON object");
}

static void
unknown_fields_are_shown_without_control_characters(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autofree char *long_name = g_strnfill(5000, 'x');
    g_autofree char *text =
        g_strdup_printf("{\"format\":\"moult-guest\",\"version\":1,\"\\u001b[31m%s\":0}", long_name);
    assert_null(parse(text, &error));
    assert_null(strchr(error->message, '\x1b'));
    assert_true(strlen(error->message) < 200);
}

static void
what_json_cannot_hold_is_refused_not_changed(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GuestDefinition) definition = make("web1");
    g_free(definition->argv[2]);
    definition->argv[2] = g_strdup("caf\xe9");
    assert_null(guest_definition_to_json(definition, &error));
    assert_invalid(error, "argv[2]");
    g_free(definition->argv[2]);
    definition->argv[2] = g_strnfill(GUEST_DEFINITION_MAX_STRING_BYTES + 1, 'x');
    assert_null(guest_definition_to_json(definition, &error));
    assert_invalid(error, "argv[2]");
    definition->argv[2][GUEST_DEFINITION_MAX_STRING_BYTES] = '\0';
    assert_true(guest_definition_validate(definition, &error));
}

static void
incomplete_definition_is_invalid_not_a_crash(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GuestDefinition) definition = guest_definition_new(NULL, NULL, NULL);
    assert_false(guest_definition_validate(definition, &error));
    assert_invalid(error, "name");
    guest_definition_free(NULL);
    assert_null(guest_definition_copy(NULL));
}

static void
number_of_arguments_is_bounded(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GuestDefinition) definition = make("web1");
    g_strfreev(definition->argv);
    definition->argv = g_new0(char *, GUEST_DEFINITION_MAX_STRINGS + 2);
    for (guint i = 0; i < GUEST_DEFINITION_MAX_STRINGS; i++)
        definition->argv[i] = g_strdup("x");
    assert_true(guest_definition_validate(definition, &error));
    definition->argv[GUEST_DEFINITION_MAX_STRINGS] = g_strdup("x");
    assert_false(guest_definition_validate(definition, &error));
    assert_invalid(error, "argv[4096]");
}

static void
save_load_and_remove(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GuestDefinition) definition = make("web1");
    g_autofree char *path = g_build_filename(place->dirs->definitions, "web1.json", NULL);
    assert_ok(guest_definition_save(definition, place->dirs, &error), error);
    assert_int_equal(mode_of(path), 0600);
    g_autoptr(GuestDefinition) loaded = guest_definition_load(place->dirs, "web1", &error);
    assert_ok(loaded, error);
    assert_same(definition, loaded);
    definition->hugepage_size_bytes = 0;
    assert_ok(guest_definition_save(definition, place->dirs, &error), error);
    g_autoptr(GuestDefinition) again = guest_definition_load(place->dirs, "web1", &error);
    assert_same(definition, again);
    assert_ok(guest_definition_remove(place->dirs, "web1", &error), error);
    assert_false(guest_definition_remove(place->dirs, "web1", &error));
    assert_true(g_error_matches(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_MISSING));
    assert_int_equal(count_entries(place->dirs->definitions), 0);
}

static void
loading_what_is_not_there_is_missing(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    assert_null(guest_definition_load(place->dirs, "web1", &error));
    assert_true(g_error_matches(error, GUEST_DEFINITION_ERROR, GUEST_DEFINITION_ERROR_MISSING));
    assert_non_null(strstr(error->message, "web1"));
}

static void
names_that_lead_elsewhere_are_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    assert_null(guest_definition_load(place->dirs, "../../etc/x", &error));
    assert_error(error, PATHS_ERROR_INVALID);
    assert_false(guest_definition_remove(place->dirs, "../x", &error));
    assert_error(error, PATHS_ERROR_INVALID);
    g_autoptr(GuestDefinition) definition = make("../x");
    assert_false(guest_definition_save(definition, place->dirs, &error));
    assert_invalid(error, "name");
}

static void
transient_guests_have_no_file(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GuestDefinition) definition = make("web1");
    definition->transient = true;
    assert_false(guest_definition_save(definition, place->dirs, &error));
    assert_invalid(error, "transient");
    assert_int_equal(count_entries(place->dirs->definitions), 0);
}

static void
write_definition(const Place *place, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(place->dirs->definitions, file, NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
broken_files_are_named_with_the_field(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    const char *const cases[][2] = {
        {"", "web1.json"},
        {"{", "web1.json"},
        {WHOLE "x", "web1.json"},
        {"{\"format\":\"moult-guest\",\"version\":1}", "name is missing"},
        {"[[[[[[]]]]]]", "web1.json"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        write_definition(place, "web1.json", cases[i][0]);
        assert_null(guest_definition_load(place->dirs, "web1", &error));
        assert_non_null(strstr(error->message, "/web1.json: "));
        assert_invalid(error, cases[i][1]);
    }
    write_definition(place, "web2.json", WHOLE);
    assert_null(guest_definition_load(place->dirs, "web2", &error));
    assert_invalid(error, "web2.json: name");
    g_autofree char *huge = g_strnfill(GUEST_DEFINITION_MAX_FILE_BYTES + 1, ' ');
    write_definition(place, "web1.json", huge);
    assert_null(guest_definition_load(place->dirs, "web1", &error));
    assert_error(error, PATHS_ERROR_INVALID);
}

static void
list_is_sorted_and_tells_of_broken_ones(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    const char *names[] = {"c", "a", "b"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GuestDefinition) definition = make(names[i]);
        assert_ok(guest_definition_save(definition, place->dirs, &error), error);
    }
    write_definition(place, "broken.json", "{}");
    write_definition(place, "bad name.json", WHOLE);
    write_definition(place, ".a.json.1-1.tmp", "half");
    write_definition(place, "README", "not ours");
    g_autoptr(GPtrArray) problems = NULL;
    g_autoptr(GPtrArray) list = guest_definition_list(place->dirs, &problems, &error);
    assert_ok(list, error);
    assert_int_equal(list->len, 3);
    for (guint i = 0; i < list->len; i++)
        assert_string_equal(((GuestDefinition *)list->pdata[i])->name, ((const char *[]){"a", "b", "c"})[i]);
    assert_int_equal(problems->len, 2);
}

static void
list_without_a_folder_is_empty(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = guest_definition_list(place->dirs, NULL, &error);
    assert_ok(list, error);
    assert_int_equal(list->len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back_from_json),
        cmocka_unit_test(json_has_the_documented_form),
        cmocka_unit_test(upper_case_uuid_is_lowered),
        cmocka_unit_test(wrong_fields_are_refused_by_name),
        cmocka_unit_test(anything_but_an_object_is_refused),
        cmocka_unit_test(unknown_fields_are_shown_without_control_characters),
        cmocka_unit_test(what_json_cannot_hold_is_refused_not_changed),
        cmocka_unit_test(incomplete_definition_is_invalid_not_a_crash),
        cmocka_unit_test(number_of_arguments_is_bounded),
        place_test(save_load_and_remove),
        place_test(loading_what_is_not_there_is_missing),
        place_test(names_that_lead_elsewhere_are_refused),
        place_test(transient_guests_have_no_file),
        place_test(broken_files_are_named_with_the_field),
        place_test(list_is_sorted_and_tells_of_broken_ones),
        cmocka_unit_test_setup_teardown(list_without_a_folder_is_empty, place_setup_empty, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
