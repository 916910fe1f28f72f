/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `moult upgrade`: what it asks for, how several results make one exit status, and what Ctrl-C does. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "cli-fixture.h"

#define SIGINT_STEP "{\"signal\":2}"
#define UPGRADED(name)                                                                                       \
    "{\"guest\":\"" name "\",\"outcome\":\"upgraded\",\"method\":\"shared\","                                \
    "\"from\":{\"path\":\"/a\",\"version\":\"7.2.22\",\"package\":\"\"},"                                    \
    "\"to\":{\"path\":\"/"                                                                                   \
    "b\",\"version\":\"10.0.2\",\"package\":\"\"},\"downtime_ms\":4.1,\"duration_ms\":212.4,"                \
    "\"old_pid\":1,\"new_pid\":2,\"old_id\":7,\"new_id\":8}"
#define ENDED(name, outcome)                                                                                 \
    "{\"guest\":\"" name "\",\"outcome\":\"" outcome "\",\"code\":\"some-code\",\"message\":\"so it was\","  \
    "\"hint\":\"do that\"}"
#define PROGRESS(phase)                                                                                      \
    "{\"continues\":{\"job\":3,\"progress\":{\"guest\":\"web1\",\"phase\":\"" phase "\",\"step\":\"x\"}}}"

static void
script_results(Fixture *fixture, const char *results)
{
    g_autofree char *script = g_strdup_printf("{\"io.moult.Upgrade\":[[{\"continues\":{\"job\":3}}," PROGRESS(
                                                  "begin") ","
                                                           "{\"reply\":{\"job\":3,\"results\":[%s]}}]]}",
                                              results);

    fixture_script(fixture, script);
}

static void
one_upgrade_is_one_line(void **state)
{
    Fixture *fixture = *state;

    script_results(fixture, UPGRADED("web1"));
    RUN(fixture, "upgrade", "web1");
    fixture_expect(fixture, 0, "web1: 7.2.22 -> 10.0.2 (shared), downtime 4.1 ms, 212 ms in all\n", "");
    fixture_expect_call(fixture, "io.moult.Upgrade", "{\"guests\":[\"web1\"]}");
}

static void
json_holds_the_results(void **state)
{
    Fixture *fixture = *state;

    script_results(fixture, UPGRADED("web1"));
    RUN(fixture, "upgrade", "web1", "--json");
    fixture_expect(fixture, 0, "{\"schema_version\":1,\"results\":[" UPGRADED("web1") "]}\n", "");
}

static void
options_become_parameters(void **state)
{
    Fixture *fixture = *state;

    script_results(fixture, "");
    RUN(fixture, "upgrade", "--outdated", "--to", "/opt/q", "--method=copy", "--parallel", "4", "--timeout",
        "1.5", "--max-downtime", "0.3", "--paused");
    fixture_expect(fixture, 0, "", "");
    fixture_expect_call(
        fixture, "io.moult.Upgrade",
        "{\"to\":\"/opt/q\",\"method\":\"copy\",\"max_downtime_ms\":300,\"outdated\":true,\"parallel\":4,\"timeout_ms\":1500,"
        "\"paused\":true}");
}

static void
outcomes_have_their_exit_status(void **state)
{
    static const struct {
        const char *results;
        int status;
    } runs[] = {
        {"", 0},
        {"{\"guest\":\"a\",\"outcome\":\"unchanged\",\"message\":\"same binary\"}", 0},
        {ENDED("a", "refused"), 3},
        {ENDED("a", "failed"), 1},
        {ENDED("a", "rolled-back"), 1},
        {ENDED("a", "needs-operator"), 7},
        {ENDED("a", "of-a-newer-engine"), 1},
        {"{\"guest\":\"a\",\"outcome\":\"rolled-back\",\"timed_out\":true,\"message\":\"m\"}", 5},
        {"{\"guest\":\"a\",\"outcome\":\"rolled-back\",\"code\":\"cancelled\",\"message\":\"m\"}", 5},
        {UPGRADED("a") "," ENDED("b", "refused"), 4},
        {ENDED("a", "refused") "," ENDED("b", "refused"), 3},
        {ENDED("a", "refused") "," ENDED("b", "failed"), 4},
        {ENDED("a", "failed") "," ENDED("b", "failed") "," UPGRADED("c"), 4},
        {UPGRADED("a") "," UPGRADED("b"), 0},
    };
    Fixture *fixture = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(runs); i++) {
        g_autofree char *runtime = g_strdup_printf("%s/run%zu", fixture->folder, i);
        script_results(fixture, runs[i].results);
        fixture_set(fixture, "MOULT_RUNTIME_DIR", runtime);
        RUN(fixture, "upgrade", "--all");
        fixture_expect(fixture, runs[i].status, NULL, NULL);
    }
}

static void
failures_say_why_on_standard_error(void **state)
{
    Fixture *fixture = *state;

    script_results(fixture, UPGRADED("web1") "," ENDED("web2", "rolled-back"));
    RUN(fixture, "upgrade", "--all");
    fixture_expect(fixture, 4, "web1: 7.2.22 -> 10.0.2 (shared), downtime 4.1 ms, 212 ms in all\n",
                   "moult: web2: so it was (some-code)\nhint: do that\n");
}

static void
dry_runs_print_the_plan(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{\"io.moult.Upgrade\":[[{\"reply\":{\"plans\":[{\"guest\":\"web1\",\"method\":\"shared\","
                   "\"from\":{\"version\":\"7.2.22\"},\"to\":{\"version\":\"10.0.2\",\"path\":\"/b\"},"
                   "\"rows\":[{\"level\":\"WARN\",\"code\":\"cpu-host\",\"reason\":\"may differ\"}],"
                   "\"steps\":[{\"phase\":\"begin\",\"step\":\"begin.lock\",\"what\":\"take the job lock\"}],"
                   "\"command_line\":[\"-S\"]}]}}],"
                   "[{\"reply\":{\"plans\":[{\"guest\":\"web1\",\"rows\":[{\"level\":\"BLOCK\",\"code\":"
                   "\"c\",\"reason\":\"r\"}],"
                   "\"steps\":[],\"command_line\":[]}]}}]]}");
    RUN(fixture, "upgrade", "web1", "--dry-run");
    fixture_expect(fixture, 0,
                   "web1: would go 7.2.22 -> 10.0.2 (shared)\n"
                   "  WARN   cpu-host                  may differ\n"
                   "  begin    lock            take the job lock\n"
                   "  the new QEMU: /b -S\n",
                   "");
    RUN(fixture, "upgrade", "web1", "--dry-run", "--json");
    assert_int_equal(fixture->status, 3);
    assert_contains(fixture->out, "{\"schema_version\":1,\"plans\":[{");
}

static void
an_interrupt_cancels_and_waits_for_the_outcome(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture,
                   "{\"io.moult.Upgrade\":[[{\"continues\":{\"job\":3}}," PROGRESS(
                       "perform") "," SIGINT_STEP ","
                                  "{\"await\":\"io.moult.Cancel\"},{\"reply\":{\"job\":3,\"results\":["
                                  "{\"guest\":\"web1\",\"outcome\":\"rolled-back\",\"code\":\"cancelled\","
                                  "\"message\":\"cancelled\"}]}}]],"
                                  "\"io.moult.Cancel\":[[{\"reply\":{\"late\":[]}}]]}");
    RUN(fixture, "upgrade", "web1");
    fixture_expect(fixture, 5, "", "moult: cancelling job 3\nmoult: web1: cancelled (cancelled)\n");
    fixture_expect_call(fixture, "io.moult.Cancel", "{\"job\":3}");
}

static void
an_interrupt_that_is_too_late_says_so(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Upgrade\":[[{\"continues\":{\"job\":3}}," SIGINT_STEP ","
                            "{\"await\":\"io.moult.Cancel\"},{\"reply\":{\"job\":3,\"results\":[" UPGRADED(
                                "web1") "]}}]],"
                                        "\"io.moult.Cancel\":[[{\"reply\":{\"late\":[\"web1\"]}}]]}");
    RUN(fixture, "upgrade", "web1");
    assert_int_equal(fixture->status, 0);
    assert_contains(fixture->out, "web1: 7.2.22 -> 10.0.2");
    assert_contains(fixture->err, "moult: cancelling job 3\n");
}

static void
an_interrupt_before_the_job_is_known_is_kept(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Upgrade\":[[" SIGINT_STEP ",{\"continues\":{\"job\":3}},"
                            "{\"await\":\"io.moult.Cancel\"},{\"reply\":{\"job\":3,\"results\":["
                            "{\"guest\":\"web1\",\"outcome\":\"rolled-back\",\"message\":\"cancelled\"}]}}]],"
                            "\"io.moult.Cancel\":[[{\"reply\":{\"late\":[]}}]]}");
    RUN(fixture, "upgrade", "web1");
    assert_int_equal(fixture->status, 1);
    fixture_expect_call(fixture, "io.moult.Cancel", "{\"job\":3}");
}

static void
a_second_interrupt_leaves_the_job_alone(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Upgrade\":[[{\"continues\":{\"job\":3}}," SIGINT_STEP ","
                            "{\"await\":\"io.moult.Cancel\"}," SIGINT_STEP ",{\"gone\":true}]],"
                            "\"io.moult.Cancel\":[[{\"reply\":{\"late\":[]}}]]}");
    RUN(fixture, "upgrade", "web1");
    assert_int_equal(fixture->status, 1);
    assert_contains(fixture->err, "job 3 goes on in the engine\nhint: moult jobs shows what becomes of it\n");
}

static void
a_lost_engine_is_no_lost_guest(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.Upgrade\":[[{\"continues\":{\"job\":3}},{\"exit\":true}]]}");
    RUN(fixture, "upgrade", "web1");
    assert_int_equal(fixture->status, 6);
    assert_contains(fixture->err, "hint: the guests are not affected");
}

/* Runs `moult ARGV` with standard error at a terminal; returns what came there. */
static char *
run_at_terminal(Fixture *fixture, const char *const *argv, int *ret_status)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;
    struct winsize size = {.ws_row = 25, .ws_col = 40};
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[256];
    ssize_t n;

    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    GPid pid;
    assert_true(g_spawn_async_with_fds(fixture->folder, (char **)argv, fixture->environment,
                                       G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, null_fd, slave, slave,
                                       NULL));
    close(slave);
    close(null_fd);
    while ((n = read(master, buffer, sizeof(buffer))) > 0)
        g_string_append_len(text, buffer, n);
    close(master);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *ret_status = WEXITSTATUS(status);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
progress_is_shown_at_a_terminal(void **state)
{
    Fixture *fixture = *state;
    const char *argv[] = {g_getenv("MOULT_EXE"), "upgrade", "web1", NULL};
    int status;

    fixture_script(fixture,
                   "{\"io.moult.Upgrade\":[[{\"continues\":{\"job\":3}},"
                   "{\"continues\":{\"job\":3,\"progress\":{\"guest\":\"web1\",\"phase\":\"perform\","
                   "\"step\":\"perform.a step that is longer than a line\\u001b\"}}},"
                   "{\"reply\":{\"job\":3,\"results\":[" UPGRADED("web1") "]}}]]}");
    g_autofree char *text = run_at_terminal(fixture, argv, &status);
    assert_int_equal(status, 0);
    assert_string_equal(text, "\r\033[Kweb1: 3/5 perform: a step that is lo..."
                              "\r\033[Kweb1: 7.2.22 -> 10.0.2 (shared), downtime 4.1 ms, 212 ms in all\r\n");
}

static void
colour_is_for_terminals_that_want_it(void **state)
{
    Fixture *fixture = *state;
    const char *argv[] = {g_getenv("MOULT_EXE"), "check", "web1", NULL};
    int status;

    fixture_script(fixture,
                   "{\"io.moult.Check\":[[{\"reply\":{\"checks\":[{\"guest\":\"web1\",\"upgradable\":true,"
                   "\"rows\":[{\"level\":\"OK\",\"code\":\"c\",\"reason\":\"r\"}]}]}}]]}");
    fixture_set(fixture, "TERM", "xterm");
    g_autofree char *coloured = run_at_terminal(fixture, argv, &status);
    assert_contains(coloured, "\033[32m  OK   \033[0m");
    fixture_set(fixture, "NO_COLOR", "1");
    g_autofree char *plain = run_at_terminal(fixture, argv, &status);
    assert_null(strchr(plain, '\033'));
    fixture_set(fixture, "NO_COLOR", NULL);
    fixture_set(fixture, "TERM", "dumb");
    g_autofree char *dumb = run_at_terminal(fixture, argv, &status);
    assert_null(strchr(dumb, '\033'));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_upgrade_is_one_line),
        TEST(json_holds_the_results),
        TEST(options_become_parameters),
        TEST(outcomes_have_their_exit_status),
        TEST(failures_say_why_on_standard_error),
        TEST(dry_runs_print_the_plan),
        TEST(an_interrupt_cancels_and_waits_for_the_outcome),
        TEST(an_interrupt_that_is_too_late_says_so),
        TEST(an_interrupt_before_the_job_is_known_is_kept),
        TEST(a_second_interrupt_leaves_the_job_alone),
        TEST(a_lost_engine_is_no_lost_guest),
        TEST(progress_is_shown_at_a_terminal),
        TEST(colour_is_for_terminals_that_want_it),
    };

    return cmocka_run_group_tests_name("cli-upgrade", tests, NULL, NULL);
}
