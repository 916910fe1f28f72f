/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs ask of the engine, what they print, and their exit status. */
#include "cli-fixture.h"

#define WEB1                                                                                                 \
    "{\"name\":\"web1\",\"uuid\":\"u1\",\"id\":7,\"pid\":1234,\"state\":\"running\",\"owner\":\"root\","     \
    "\"qemu\":{\"path\":\"/usr/bin/q\",\"version\":\"7.2.22\",\"package\":\"Debian 1:7.2\"},"                \
    "\"outdated\":\"outdated\",\"memory_bytes\":536870912,\"method\":\"shared\"}"
#define OFF                                                                                                  \
    "{\"name\":\"a-longer-name\",\"uuid\":\"u2\",\"id\":null,\"pid\":null,\"state\":\"shut-off\",\"owner\":" \
    "\"root\","                                                                                              \
    "\"qemu\":null,\"outdated\":\"unknown\",\"memory_bytes\":1610612736,\"method\":\"offline\"}"

static void
list_is_a_table(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.List\":[[{\"reply\":{\"guests\":[" WEB1 "," OFF "]}}]]}");
    RUN(fixture, "list", "--all");
    fixture_expect(fixture, 0,
                   "NAME           STATE     QEMU    UPDATE    METHOD    MEMORY   PID  OWNER\n"
                   "web1           running   7.2.22  outdated  shared   512 MiB  1234  root\n"
                   "a-longer-name  shut-off  -       unknown   offline  1.5 GiB     -  root\n",
                   "");
    fixture_expect_call(fixture, "io.moult.List", "{\"all\":true,\"outdated\":false}");
}

static void
list_json_has_the_shape_of_the_interface(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.List\":[[{\"reply\":{\"guests\":[" WEB1 "]}}]]}");
    RUN(fixture, "list", "--json", "--outdated");
    fixture_expect(fixture, 0, "{\"schema_version\":1,\"guests\":[" WEB1 "]}\n", "");
    fixture_expect_call(fixture, "io.moult.List", "{\"all\":false,\"outdated\":true}");
}

static void
an_empty_list_prints_nothing(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.List\":[[{\"reply\":{\"guests\":[]}}]]}");
    RUN(fixture, "list");
    fixture_expect(fixture, 0, "", "");
}

static void
text_from_the_engine_cannot_disturb_a_terminal(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{\"io.moult.List\":[[{\"reply\":{\"guests\":[{\"name\":\"a\\u001b[31m\\nb\"}]}}]],"
                   "\"io.moult.Undefine\":[[{\"error\":\"io.moult.Refused\",\"parameters\":"
                   "{\"guest\":\"x\\ry\",\"code\":\"c\",\"message\":\"m\\u001b[0m\\n\\u001bsecond\"}}]]}");
    RUN(fixture, "list");
    assert_contains(fixture->out, "a\\x1b[31m\\nb");
    RUN(fixture, "undefine", "x");
    fixture_expect(fixture, 3, "", "moult: x\\ry: m\\x1b[0m\n    \\x1bsecond (c)\n");
}

static void
errors_have_their_exit_status(void **state)
{
    static const struct {
        const char *name;
        int status;
    } errors[] = {
        {"io.moult.Refused", 3},
        {"io.moult.Failed", 1},
        {"io.moult.TimedOut", 5},
        {"io.moult.NeedsOperator", 7},
        {"org.varlink.service.InvalidParameter", 2},
        {"org.varlink.service.PermissionDenied", 1},
        {"org.varlink.service.MethodNotFound", 1},
        {"io.moult.SomethingNew", 1},
    };
    Fixture *fixture = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        g_autofree char *script = g_strdup_printf("{\"io.moult.Start\":[[{\"error\":\"%s\",\"parameters\":{"
                                                  "\"guest\":\"web1\",\"code\":\"some-code\","
                                                  "\"message\":\"it is so\",\"hint\":\"do that\"}}]]}",
                                                  errors[i].name);
        fixture_script(fixture, script);
        g_autofree char *own = g_strdup_printf("%s/run%zu", fixture->folder, i);
        fixture_set(fixture, "MOULT_RUNTIME_DIR", own);
        RUN(fixture, "start", "web1");
        fixture_expect(fixture, errors[i].status, "", "moult: web1: it is so (some-code)\nhint: do that\n");
    }
}

static void
errors_without_a_message_are_explained(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{\"io.moult.Start\":[[{\"error\":\"org.varlink.service.InvalidParameter\","
                   "\"parameters\":{\"parameter\":\"name\"}}]],"
                   "\"io.moult.Undefine\":[[{\"error\":\"org.varlink.service.PermissionDenied\"}]]}");
    RUN(fixture, "start", "../x");
    fixture_expect(fixture, 2, "", "moult: the engine does not accept 'name'\n");
    RUN(fixture, "undefine", "x");
    fixture_expect(fixture, 1, "", "moult: permission denied\n");
    RUN(fixture, "jobs");
    assert_contains(fixture->err, "another version");
}

static void
json_errors_are_objects(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{\"io.moult.Start\":[[{\"error\":\"io.moult.Refused\",\"parameters\":"
                   "{\"guest\":\"web1\",\"code\":\"running\",\"message\":\"it runs\",\"hint\":null}}]]}");
    RUN(fixture, "start", "web1", "--json");
    fixture_expect(
        fixture, 3,
        "{\"schema_version\":1,\"error\":{\"guest\":\"web1\",\"code\":\"running\",\"message\":\"it runs\","
        "\"hint\":null,\"exit_status\":3}}\n",
        "moult: web1: it runs (running)\n");
}

static void
start_says_what_runs(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Start\":[[{\"reply\":{\"guest\":" WEB1 "}}]]}");
    RUN(fixture, "start", "web1");
    fixture_expect(fixture, 0, "web1: running on QEMU 7.2.22, pid 1234\n", "");
}

static void
stop_asks_and_waits(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Stop\":[[{\"reply\":{\"end\":{\"reason\":\"guest-shutdown\"}}}]]}");
    RUN(fixture, "stop", "web1");
    fixture_expect(fixture, 0, "web1: stopped (guest-shutdown)\n", "");
    RUN(fixture, "stop", "--force", "--timeout", "2.5", "web1");
    fixture_expect(fixture, 0, "web1: stopped (guest-shutdown)\n", "");
    g_autoptr(json_object) first = fixture_find_call(fixture, "io.moult.Stop", 0);
    g_autoptr(json_object) second = fixture_find_call(fixture, "io.moult.Stop", 1);
    assert_string_equal(qmp_json_to_text(first, NULL),
                        "{\"name\":\"web1\",\"force\":false,\"timeout_ms\":60000}");
    assert_string_equal(qmp_json_to_text(second, NULL),
                        "{\"name\":\"web1\",\"force\":true,\"timeout_ms\":2500}");
}

static void
stop_that_takes_too_long_hints_at_force(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{\"io.moult.Stop\":[[{\"error\":\"io.moult.TimedOut\",\"parameters\":{\"guest\":\"web1\","
                   "\"code\":\"stop-timeout\",\"message\":\"it does not power down\"}}]]}");
    RUN(fixture, "stop", "web1");
    fixture_expect(fixture, 5, "",
                   "moult: web1: it does not power down (stop-timeout)\n"
                   "hint: moult stop --force ends its QEMU without asking the guest\n");
}

static void
show_prints_the_real_paths(void **state)
{
    Fixture *fixture = *state;

    fixture_script(
        fixture,
        "{\"io.moult.Show\":[[{\"reply\":{\"details\":{\"guest\":" WEB1
        ",\"definition\":{},\"machine\":\"pc-q35-7.2\","
        "\"memory\":[{\"id\":\"pc.ram\",\"kind\":\"memfd\",\"size_bytes\":536870912,\"page_size_bytes\":4096,"
        "\"path\":null,\"inode\":9}],\"paths\":{\"instance\":\"/r/instances/7\",\"monitor\":\"/r/instances/7/"
        "monitor.sock\","
        "\"operator_monitor\":\"/r/instances/7/operator.sock\",\"log\":\"/r/instances/7/"
        "qemu.log\",\"alias\":\"/r/guests/web1\"},"
        "\"command_line\":[\"-m\",\"512\",\"-name\",\"a "
        "b\"],\"started\":\"2026-11-21T09:00:00Z\","
        "\"upgraded\":null,\"job\":\"upgrade 12\",\"evidence\":null}}}]]}");
    RUN(fixture, "show", "web1");
    fixture_expect(fixture, 0,
                   "name:             web1\n"
                   "uuid:             u1\n"
                   "state:            running\n"
                   "owner:            root\n"
                   "id:               7\n"
                   "pid:              1234\n"
                   "qemu:             7.2.22 (Debian 1:7.2)\n"
                   "binary:           /usr/bin/q\n"
                   "update:           outdated\n"
                   "method:           shared\n"
                   "memory:           512 MiB\n"
                   "machine:          pc-q35-7.2\n"
                   "started:          2026-11-21 09:00:00\n"
                   "job:              upgrade 12\n"
                   "memory backend:   pc.ram: memfd, 512 MiB, pages of 4 KiB\n"
                   "folder:           /r/guests/web1\n"
                   "instance:         /r/instances/7\n"
                   "monitor:          /r/instances/7/monitor.sock\n"
                   "operator monitor: /r/instances/7/operator.sock\n"
                   "log:              /r/instances/7/qemu.log\n"
                   "command line:     /usr/bin/q -m 512 -name 'a b'\n",
                   "");
}

/* It has no instance: what there is to show is what it would be started with. */
static void
show_prints_the_definition(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{\"io.moult.Show\":[[{\"reply\":{\"details\":{\"guest\":{\"name\":\"web1\",\"uuid\":\"u1\",\"state\":\"shut-off\","
                   "\"owner\":\"moult\",\"outdated\":\"unknown\"},\"definition\":{\"binary\":\"/usr/bin/q\",\"argv\":[\"-m\",\"64\",\"a b\"],"
                   "\"cwd\":\"/srv\",\"user\":\"nobody\",\"hugepage_size_bytes\":2097152},"
                   "\"memory\":[{\"id\":\"m0\",\"kind\":\"file\",\"size_bytes\":4096,\"path\":\"/f\"}],\"command_line\":[]}}}]]}");
    RUN(fixture, "show", "web1");
    fixture_expect(fixture, 0,
                   "name:             web1\n"
                   "uuid:             u1\n"
                   "state:            shut-off\n"
                   "owner:            moult\n"
                   "update:           unknown\n"
                   "memory backend:   m0: file, 4 KiB, /f\n"
                   "definition:       /usr/bin/q -m 64 'a b'\n"
                   "working folder:   /srv\n"
                   "user:             nobody\n"
                   "huge pages:       2 MiB\n",
                   "");
}

static void
check_prints_rows_and_tells_by_its_status(void **state)
{
    static const char script[] =
        "{\"io.moult.Check\":[[{\"reply\":{\"checks\":["
        "{\"guest\":\"web1\",\"method\":\"shared\",\"from\":{\"version\":\"7.2.22\"},\"to\":{\"version\":"
        "\"10.0.2\"},"
        "\"upgradable\":true,\"rows\":[{\"level\":\"OK\",\"code\":\"ram-shared\",\"reason\":\"RAM is "
        "shared\",\"hint\":null}]},"
        "{\"guest\":\"web2\",\"method\":null,\"from\":{\"version\":\"7.2.22\"},\"to\":null,\"upgradable\":"
        "false,"
        "\"rows\":[{\"level\":\"BLOCK\",\"code\":\"ram-not-shared\",\"reason\":\"RAM is "
        "private\",\"hint\":\"use run\"}]}"
        "]}}],"
        "[{\"reply\":{\"checks\":[{\"guest\":\"web2\",\"upgradable\":false,\"rows\":[]}]}}],"
        "[{\"reply\":{\"checks\":[]}}]]}";
    Fixture *fixture = *state;

    fixture_script(fixture, script);
    RUN(fixture, "check", "web1", "web2", "--to", "./q");
    fixture_expect(fixture, 4,
                   "web1: can be upgraded: 7.2.22 -> 10.0.2 (shared)\n"
                   "  OK     ram-shared                RAM is shared\n"
                   "web2: cannot be upgraded: 7.2.22 -> -\n"
                   "  BLOCK  ram-not-shared            RAM is private\n"
                   "                                   hint: use run\n",
                   "");
    g_autofree char *expected =
        g_strdup_printf("{\"guests\":[\"web1\",\"web2\"],\"to\":\"%s/./q\"}", fixture->folder);
    fixture_expect_call(fixture, "io.moult.Check", expected);
    RUN(fixture, "check", "web2");
    fixture_expect(fixture, 3, NULL, "");
    RUN(fixture, "check", "--all", "--json");
    fixture_expect(fixture, 0, "{\"schema_version\":1,\"checks\":[]}\n", "");
}

static void
history_is_a_table(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.History\":[[{\"reply\":{\"entries\":["
                            "{\"time\":\"2026-11-21T10:00:00.123+01:00\",\"guest\":\"web1\",\"uuid\":\"u\","
                            "\"outcome\":\"upgraded\","
                            "\"method\":\"shared\",\"from\":{\"version\":\"7.2.22\"},\"to\":{\"version\":"
                            "\"10.0.2\"},\"downtime_ms\":4.12,"
                            "\"duration_ms\":1212},"
                            "{\"time\":\"2026-11-21T09:01:00Z\",\"guest\":\"web2\",\"uuid\":\"u\","
                            "\"outcome\":\"failed\",\"method\":\"shared\","
                            "\"from\":{\"version\":\"7.2.22\"},\"to\":null,\"code\":\"target-failed\","
                            "\"message\":\"it died\"}]}}]]}");
    RUN(fixture, "history", "--limit", "2", "web1");
    fixture_expect(
        fixture, 0,
        "TIME                 GUEST  OUTCOME   FROM    TO      METHOD  DOWNTIME  DURATION  REASON\n"
        "2026-11-21 09:00:00  web1   upgraded  7.2.22  10.0.2  shared    4.1 ms    1.21 s  -\n"
        "2026-11-21 09:01:00  web2   failed    7.2.22  -       shared         -         -  target-failed: it "
        "died\n",
        "");
    fixture_expect_call(fixture, "io.moult.History", "{\"guest\":\"web1\",\"limit\":2}");
}

static void
watch_prints_lines_until_the_engine_ends(void **state)
{
    static const char script[] =
        "{\"io.moult.Watch\":[[{\"continues\":{}},"
        "{\"continues\":{\"event\":{\"time\":\"2026-11-21T09:00:00Z\",\"event\":"
        "\"upgrade-phase\",\"guest\":\"web1\",\"id\":7,"
        "\"data\":{\"phase\":\"perform\",\"step\":\"perform.migrate\",\"guest\":\"web1\","
        "\"to\":{\"version\":\"10.0.2\"},\"n\":1}}}},{\"close\":true}]]}";
    Fixture *fixture = *state;

    fixture_script(fixture, script);
    RUN(fixture, "watch", "web1");
    fixture_expect(fixture, 6,
                   "2026-11-21 09:00:00  web1  upgrade-phase  phase=perform  step=migrate  to=10.0.2  n=1\n",
                   NULL);
    assert_contains(fixture->err, "lost the connection to the engine");
    fixture_expect_call(fixture, "io.moult.Watch", "{\"guest\":\"web1\"}");
    RUN(fixture, "watch", "--json");
    assert_contains(
        fixture->out,
        "{\"schema_version\":1,\"time\":\"2026-11-21T09:00:00Z\",\"event\":\"upgrade-phase\","
        "\"guest\":\"web1\",\"id\":7,\"data\":{\"phase\":\"perform\",\"step\":\"perform.migrate\","
        "\"guest\":\"web1\",\"to\":{\"version\":\"10.0.2\"},\"n\":1}}\n");
}

static void
jobs_and_cancel(void **state)
{
    Fixture *fixture = *state;

    fixture_script(
        fixture,
        "{\"io.moult.Jobs\":[[{\"reply\":{\"jobs\":["
        "{\"id\":3,\"kind\":\"upgrade\",\"state\":\"running\",\"guests\":[\"web1\",\"web2\"],\"started\":"
        "\"2026-11-21T09:00:00Z\","
        "\"progress\":[{\"guest\":\"web1\",\"phase\":\"perform\",\"step\":\"perform.migrate\"}],\"results\":["
        "]},"
        "{\"id\":2,\"kind\":\"upgrade\",\"state\":\"done\",\"guests\":[\"web1\"],\"started\":\"2026-11-21T08:"
        "00:00Z\","
        "\"progress\":[],\"results\":[{\"guest\":\"web1\",\"outcome\":\"upgraded\"}]}]}}]],"
        "\"io.moult.Cancel\":[[{\"reply\":{\"late\":[]}}],[{\"reply\":{\"late\":[\"web1\"]}}]]}");
    RUN(fixture, "jobs");
    fixture_expect(fixture, 0,
                   "JOB  KIND     STATE    STARTED              GUESTS     PROGRESS\n"
                   "  3  upgrade  running  2026-11-21 09:00:00  web1 web2  web1: perform: migrate\n"
                   "  2  upgrade  done     2026-11-21 08:00:00  web1       web1: upgraded\n",
                   "");
    RUN(fixture, "cancel", "3");
    fixture_expect(fixture, 0, "job 3: cancelled\n", "");
    fixture_expect_call(fixture, "io.moult.Cancel", "{\"job\":3}");
    RUN(fixture, "cancel", "3");
    fixture_expect(fixture, 1, "", "moult: web1: too late to cancel: the new QEMU has taken over already\n");
}

static void
capabilities_are_listed(void **state)
{
    Fixture *fixture = *state;

    fixture_script(
        fixture,
        "{\"io.moult.Capabilities\":[[{\"reply\":{\"version\":\"0.1.0\",\"methods\":[\"shared\",\"copy\"],"
        "\"features\":[]}}]]}");
    RUN(fixture, "capabilities");
    fixture_expect(fixture, 0, "version:  0.1.0\nmethods:  shared copy\nfeatures: \n", "");
}

static void
wrong_command_lines_are_refused_without_an_engine(void **state)
{
    static const char *const lines[][6] = {
        {"bogus"},
        {"list", "web1"},
        {"list", "--bogus"},
        {"start"},
        {"start", "a", "b"},
        {"stop", "web1", "--timeout", "soon"},
        {"stop", "web1", "--timeout", "-1"},
        {"run", "web1"},
        {"run", "web1", "--"},
        {"run", "--", "qemu"},
        {"run", "web1", "--hugepages=3M", "--", "/bin/true"},
        {"check"},
        {"check", "--all", "web1"},
        {"upgrade"},
        {"upgrade", "--all", "--outdated"},
        {"upgrade", "web1", "--method", "magic"},
        {"upgrade", "web1", "--parallel", "-2"},
        {"upgrade", "web1", "--parallel=0"},
        {"cancel", "web1"},
        {"history", "--limit=-1"},
        {"history", "--limit=0"},
    };
    Fixture *fixture = *state;

    fixture_script(fixture, "{}");
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        fixture_run(fixture, lines[i]);
        fixture_expect(fixture, 2, "", NULL);
        assert_true(g_str_has_prefix(fixture->err, "moult: "));
    }
    RUN(fixture, "start", "a", "b");
    fixture_expect(fixture, 2, "", "moult: start: unexpected argument 'b'\n    usage: moult start NAME\n");
    g_autofree char *runtime = fixture_path(fixture, "run");
    assert_false(g_file_test(runtime, G_FILE_TEST_EXISTS));
}

#define EVIDENCE                                                                                                       \
    "{\"reason\":\"nobody knows\",\"step\":\"finish.prove\",\"target_ran\":\"unknown\",\"source\":\"handed\",\"source_pid\":1," \
    "\"target\":\"gone\",\"target_pid\":2,\"keep_source\":{\"possible\":true,\"means\":\"it goes on\\u001b\"},"                \
    "\"keep_target\":{\"possible\":false,\"means\":\"it has ended\"}}"

static void
what_needs_an_operator_is_told(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Resolve\":[[{\"reply\":{\"evidence\":" EVIDENCE "}}]],"
                            "\"io.moult.Show\":[[{\"reply\":{\"details\":{\"guest\":" WEB1 ",\"definition\":{},\"memory\":[],"
                            "\"command_line\":[],\"evidence\":" EVIDENCE "}}}]]}");
    RUN(fixture, "resolve", "web1");
    fixture_expect(fixture, 7,
                   "web1 needs its operator: nobody knows\n"
                   "  --keep source: it goes on\\x1b\n"
                   "  --keep target: not possible: it has ended\n",
                   "");
    RUN(fixture, "show", "web1");
    assert_contains(fixture->out, "needs operator:   nobody knows\n");
    assert_contains(fixture->out, "source:           pid 1, handed\n");
    assert_contains(fixture->out, "keep target:      not possible: it has ended\n");
}

static void
an_operator_decides(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Resolve\":[[{\"reply\":{\"evidence\":" EVIDENCE
                            ",\"result\":{\"guest\":\"web1\",\"outcome\":\"rolled-back\"}}}],"
                            "[{\"error\":\"io.moult.NeedsOperator\",\"parameters\":{\"guest\":\"web1\",\"code\":\"not-resolved\","
                            "\"message\":\"it does not die\",\"hint\":null}}]]}");
    RUN(fixture, "resolve", "web1", "--keep=source");
    fixture_expect(fixture, 0, "web1: runs in its old QEMU\n", "");
    RUN(fixture, "resolve", "web1", "--keep", "source");
    fixture_expect(fixture, 7, "", "moult: web1: it does not die (not-resolved)\n");
    RUN(fixture, "resolve", "web1", "--keep", "both");
    assert_int_equal(fixture->status, 2);
    assert_contains(fixture->err, "'both'");
}

static void
help_and_version_need_no_engine(void **state)
{
    Fixture *fixture = *state;

    RUN(fixture, "--version");
    fixture_expect(fixture, 0, "moult " MOULT_VERSION "\n", "");
    RUN(fixture, "--help");
    assert_int_equal(fixture->status, 0);
    g_auto(GStrv) lines = g_strsplit(fixture->out, "\n", -1);
    guint n = 0;
    for (size_t i = 0; lines[i]; i++) {
        if (!g_str_has_prefix(lines[i], "  "))
            continue;
        g_auto(GStrv) words = g_strsplit(lines[i] + 2, " ", 2);
        g_autofree char *usage = g_strdup_printf("moult %s [OPTION", words[0]);
        RUN(fixture, words[0], "--help");
        assert_int_equal(fixture->status, 0);
        assert_contains(fixture->out, usage);
        assert_contains(fixture->out, "--json");
        n++;
    }
    assert_int_equal(n, 17);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_is_a_table),
        TEST(list_json_has_the_shape_of_the_interface),
        TEST(an_empty_list_prints_nothing),
        TEST(text_from_the_engine_cannot_disturb_a_terminal),
        TEST(errors_have_their_exit_status),
        TEST(errors_without_a_message_are_explained),
        TEST(json_errors_are_objects),
        TEST(start_says_what_runs),
        TEST(stop_asks_and_waits),
        TEST(stop_that_takes_too_long_hints_at_force),
        TEST(show_prints_the_real_paths),
        TEST(show_prints_the_definition),
        TEST(check_prints_rows_and_tells_by_its_status),
        TEST(history_is_a_table),
        TEST(watch_prints_lines_until_the_engine_ends),
        TEST(jobs_and_cancel),
        TEST(capabilities_are_listed),
        TEST(wrong_command_lines_are_refused_without_an_engine),
        TEST(what_needs_an_operator_is_told),
        TEST(an_operator_decides),
        TEST(help_and_version_need_no_engine),
    };

    return cmocka_run_group_tests_name("cli-verbs", tests, NULL, NULL);
}
