/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `moult run` and `define`: what of the operator's shell goes along, and how --wait outlives engines. */
#include <sys/stat.h>

#include "cli-fixture.h"

#define GUEST                                                                                                \
    "{\"name\":\"web1\",\"uuid\":\"u1\",\"id\":7,\"pid\":1234,\"state\":\"running\","                        \
    "\"qemu\":{\"path\":\"/q\",\"version\":\"7.2.22\",\"package\":\"\"}}"
#define RUN_REPLY "\"io.moult.Run\":[[{\"reply\":{\"guest\":" GUEST "}}]]"
#define STARTED "web1: running on QEMU 7.2.22, pid 1234\n"

static void
add_program(const Fixture *fixture, const char *name, mode_t mode)
{
    g_autofree char *path = fixture_path(fixture, name), *folder = g_path_get_dirname(path);

    assert_int_equal(g_mkdir_with_parents(folder, 0700), 0);
    assert_true(g_file_set_contents(path, "#!/bin/sh\n", -1, NULL));
    assert_int_equal(chmod(path, mode), 0);
}

/* What Run was told about BINARY, given on the command line. */
static void
assert_binary(Fixture *fixture, const char *binary, const char *expected)
{
    g_autofree char *runtime = g_strdup_printf("%s/run", fixture->folder);

    remove_tree(runtime);
    fixture_script(fixture, "{" RUN_REPLY "}");
    RUN(fixture, "run", "web1", "--", binary, "-m", "512");
    fixture_expect(fixture, 0, STARTED, "");
    g_autoptr(json_object) parameters = fixture_find_call(fixture, "io.moult.Run", 0);
    assert_string_equal(qmp_json_get_string(parameters, "binary"), expected);
    assert_string_equal(qmp_json_get_string(parameters, "cwd"), fixture->folder);
    assert_string_equal(qmp_json_to_text(qmp_json_get_array(parameters, "argv"), NULL), "[\"-m\",\"512\"]");
}

static void
binaries_are_found_as_a_shell_would(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path =
        g_strdup_printf("%s/none:%s/first:%s/second", fixture->folder, fixture->folder, fixture->folder);
    g_autofree char *second = fixture_path(fixture, "second/qemu"),
                    *link = fixture_path(fixture, "second/link");
    g_autofree char *relative = fixture_path(fixture, "second/../second/qemu");

    add_program(fixture, "first/qemu", 0600);
    add_program(fixture, "second/qemu", 0700);
    assert_int_equal(symlink("qemu", link), 0);
    fixture_set(fixture, "PATH", path);
    assert_binary(fixture, "qemu", second);
    assert_binary(fixture, "link", link);
    assert_binary(fixture, "second/../second/qemu", relative);
    assert_binary(fixture, "/no/such/qemu", "/no/such/qemu");
}

/* As the engine says of a path where there is none. */
static void
binary_that_is_not_in_path_is_refused(void **state)
{
    Fixture *fixture = *state;

    RUN(fixture, "run", "web1", "--", "no-such-program-anywhere");
    fixture_expect(fixture, 3, "",
                   "moult: 'no-such-program-anywhere' is not in PATH (binary-missing)\nhint: name a working QEMU binary\n");
    RUN(fixture, "upgrade", "web1", "--to", "no-such-program-anywhere", "--json");
    fixture_expect(fixture, 3, NULL, NULL);
    assert_contains(fixture->out, "\"code\":\"binary-missing\"");
    assert_contains(fixture->out, "\"exit_status\":3");
}

static void
the_environment_goes_along_but_for_moults_own(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *text = NULL;

    fixture_set(fixture, "QEMU_AUDIO_DRV", "none");
    fixture_script(fixture, "{" RUN_REPLY "}");
    RUN(fixture, "run", "web1", "--user", "nobody", "--hugepages", "--", "/q");
    fixture_expect(fixture, 0, STARTED, "");
    g_autoptr(json_object) parameters = fixture_find_call(fixture, "io.moult.Run", 0);
    text = g_strdup(qmp_json_to_text(qmp_json_get_array(parameters, "environment"), NULL));
    assert_contains(text, "\"QEMU_AUDIO_DRV=none\"");
    assert_null(strstr(text, "\"MOULT_"));
    gint64 size = 0;
    assert_true(qmp_json_get_int64(parameters, "hugepage_size_bytes", &size));
    assert_int_equal(size, 2 << 20);
    assert_string_equal(qmp_json_get_string(parameters, "user"), "nobody");
}

static void
define_takes_the_same(void **state)
{
    Fixture *fixture = *state;
    gint64 size = 0;

    fixture_script(fixture, "{\"io.moult.Define\":[[{\"reply\":{}}]]}");
    RUN(fixture, "define", "web1", "--hugepages=1G", "--", "/q", "--", "--help");
    fixture_expect(fixture, 0, "web1: defined\n", "");
    g_autoptr(json_object) parameters = fixture_find_call(fixture, "io.moult.Define", 0);
    assert_string_equal(qmp_json_to_text(qmp_json_get_array(parameters, "argv"), NULL),
                        "[\"--\",\"--help\"]");
    assert_true(qmp_json_get_int64(parameters, "hugepage_size_bytes", &size));
    assert_int_equal(size, 1 << 30);
}

static void
arguments_that_are_not_text_are_refused(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{}");
    RUN(fixture, "run", "web1", "--", "/q", "-name", "a\xff");
    fixture_expect(fixture, 2, "", "moult: QEMU's argument 2 is not UTF-8: 'a\\xff'\n");
}

static void
too_long_command_lines_are_refused(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *large = g_strnfill(100000, 'x');
    const char *arguments[20] = {"run", "web1", "--", "/q"};

    for (size_t i = 4; i < 19; i++)
        arguments[i] = large;
    fixture_script(fixture, "{}");
    fixture_run(fixture, arguments);
    assert_int_equal(fixture->status, 2);
    assert_contains(fixture->err, "too long");
}

static void
wait_returns_how_the_guest_ended(void **state)
{
    static const struct {
        const char *end, *line;
        int status;
    } ends[] = {
        {"{\"reason\":\"guest-shutdown\",\"exit_code\":null}", "guest-shutdown", 0},
        {"{\"reason\":\"exited\",\"exit_code\":0}", "exited", 0},
        {"{\"reason\":\"host-error\",\"exit_code\":1,\"message\":\"it says\"}", "host-error: it says", 1},
        {"{\"reason\":\"killed\",\"exit_code\":null,\"signal\":9}", "killed", 1},
        {"{\"reason\":\"unknown\"}", "unknown", 1},
    };
    Fixture *fixture = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *script =
            g_strdup_printf("{" RUN_REPLY ",\"io.moult.Wait\":[[{\"reply\":{\"end\":%s}}]]}", ends[i].end);
        g_autofree char *runtime = g_strdup_printf("%s/run%zu", fixture->folder, i);
        g_autofree char *expected = g_strdup_printf(STARTED "web1: ended: %s\n", ends[i].line);
        fixture_script(fixture, script);
        fixture_set(fixture, "MOULT_RUNTIME_DIR", runtime);
        RUN(fixture, "run", "--wait", "web1", "--", "/q");
        fixture_expect(fixture, ends[i].status, expected, "");
    }
}

static void
wait_with_json_is_one_object(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{" RUN_REPLY
                            ",\"io.moult.Wait\":[[{\"reply\":{\"end\":{\"reason\":\"guest-shutdown\"}}}]]}");
    RUN(fixture, "run", "--wait", "--json", "web1", "--", "/q");
    fixture_expect(fixture, 0,
                   "{\"schema_version\":1,\"guest\":" GUEST ",\"end\":{\"reason\":\"guest-shutdown\"}}\n",
                   "");
}

static void
wait_outlives_an_engine(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{" RUN_REPLY ",\"io.moult.Show\":[[{\"reply\":{\"details\":{\"guest\":" GUEST "}}}]],"
                   "\"io.moult.Wait\":[[{\"exit\":true}],[{\"close\":true}],"
                   "[{\"reply\":{\"end\":{\"reason\":\"guest-shutdown\"}}}]]}");
    RUN(fixture, "run", "--wait", "web1", "--", "/q");
    fixture_expect(fixture, 0, STARTED "web1: ended: guest-shutdown\n", "");
}

static void
a_guest_that_ended_without_an_engine_is_unknown(void **state)
{
    static const char *const shows[] = {
        "{\"error\":\"io.moult.Refused\",\"parameters\":{\"code\":\"unknown-guest\",\"message\":\"m\"}}",
        "{\"reply\":{\"details\":{\"guest\":{\"name\":\"web1\",\"uuid\":\"another\",\"state\":\"running\"}}}"
        "}",
        "{\"reply\":{\"details\":{\"guest\":{\"name\":\"web1\",\"uuid\":\"u1\",\"state\":\"shut-off\"}}}}",
    };
    Fixture *fixture = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(shows); i++) {
        g_autofree char *script = g_strdup_printf(
            "{" RUN_REPLY ",\"io.moult.Show\":[[%s]],\"io.moult.Wait\":[[{\"exit\":true}]]}", shows[i]);
        g_autofree char *runtime = g_strdup_printf("%s/run%zu", fixture->folder, i);
        fixture_script(fixture, script);
        fixture_set(fixture, "MOULT_RUNTIME_DIR", runtime);
        RUN(fixture, "run", "--wait", "web1", "--", "/q");
        fixture_expect(fixture, 1, STARTED "web1: ended: unknown: it ended while no engine was running\n",
                       "");
    }
}

static void
an_engine_that_dies_of_waiting_is_given_up(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{" RUN_REPLY ",\"io.moult.Show\":[[{\"reply\":{\"details\":{\"guest\":" GUEST "}}}]],"
                   "\"io.moult.Wait\":[[{\"exit\":true}]]}");
    RUN(fixture, "run", "--wait", "web1", "--", "/q");
    assert_int_equal(fixture->status, 6);
}

static void
an_interrupt_leaves_the_guest_running(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{" RUN_REPLY ",\"io.moult.Wait\":[[{\"signal\":15},{\"gone\":true}]]}");
    RUN(fixture, "run", "--wait", "web1", "--", "/q");
    fixture_expect(fixture, 128 + 15, STARTED, "moult: web1 keeps running; `moult stop web1` ends it\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(binaries_are_found_as_a_shell_would),
        TEST(binary_that_is_not_in_path_is_refused),
        TEST(the_environment_goes_along_but_for_moults_own),
        TEST(define_takes_the_same),
        TEST(arguments_that_are_not_text_are_refused),
        TEST(too_long_command_lines_are_refused),
        TEST(wait_returns_how_the_guest_ended),
        TEST(wait_with_json_is_one_object),
        TEST(wait_outlives_an_engine),
        TEST(a_guest_that_ended_without_an_engine_is_unknown),
        TEST(an_engine_that_dies_of_waiting_is_given_up),
        TEST(an_interrupt_leaves_the_guest_running),
    };

    return cmocka_run_group_tests_name("cli-run", tests, NULL, NULL);
}
