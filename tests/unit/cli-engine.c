/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding an engine, starting one, and what an operator is told when that does not work. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cli-fixture.h"

#define EMPTY_LIST "{\"io.moult.List\":[[{\"reply\":{\"guests\":[]}}]]}"
#define EMPTY_LIST_OUT "{\"schema_version\":1,\"guests\":[]}\n"

static void
an_engine_is_started_on_demand(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, EMPTY_LIST);
    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST_OUT, "");
}

static void
long_runtime_folders_work(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *name = g_strnfill(150, 'x'), *path = fixture_path(fixture, name);

    fixture_script(fixture, EMPTY_LIST);
    fixture_set(fixture, "MOULT_RUNTIME_DIR", path);
    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST_OUT, "");
}

static void
a_stale_socket_is_no_engine(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *runtime = fixture_path(fixture, "run"),
                    *socket_path = fixture_path(fixture, "run/control.sock");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(mkdir(runtime, 0711), 0);
    g_strlcpy(address.sun_path, socket_path, sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    fixture_script(fixture, EMPTY_LIST);
    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST_OUT, "");
}

static void
the_last_words_of_an_engine_are_shown(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"start\":\"die\"}");
    RUN(fixture, "list");
    fixture_expect(fixture, 6, "",
                   "moult: the engine could not be started: moultd: first words\n    moultd: last words\n");
    /* Those of the one before are in the log, and not repeated. */
    fixture_script(fixture, "{\"start\":\"mute\"}");
    RUN(fixture, "list");
    assert_int_equal(fixture->status, 6);
    assert_contains(fixture->err, "ended without a word");
    assert_null(strstr(fixture->err, "last words"));
}

static void
a_long_log_starts_anew(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *runtime = fixture_path(fixture, "run"), *path = fixture_path(fixture, "run/moultd.log");
    g_autofree char *old = fixture_path(fixture, "run/moultd.log.old"), *contents = NULL;

    assert_int_equal(mkdir(runtime, 0711), 0);
    assert_true(g_file_set_contents(path, "old", -1, NULL));
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    fixture_script(fixture, "{\"start\":\"die\"}");
    RUN(fixture, "list");
    assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    assert_string_equal(contents, "moultd: first words\nmoultd: last words\n");
    assert_true(g_file_test(old, G_FILE_TEST_EXISTS));
}

static void
an_engine_that_does_not_stay_is_not_started_for_ever(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"start\":\"ready-only\"}");
    RUN(fixture, "list");
    assert_int_equal(fixture->status, 6);
    assert_contains(fixture->err, "does not stay");
}

static void
a_missing_engine_is_named(void **state)
{
    Fixture *fixture = *state;

    fixture_set(fixture, "MOULT_MOULTD", "/nonexistent/moultd");
    RUN(fixture, "list");
    assert_int_equal(fixture->status, 6);
    assert_contains(fixture->err, "'/nonexistent/moultd'");
    fixture_set(fixture, "MOULT_MOULTD", NULL);
    fixture_set(fixture, "MOULT_RUNTIME_DIR", "/nonexistent/folder");
    RUN(fixture, "list");
    assert_int_equal(fixture->status, 6);
    assert_contains(fixture->err, "cannot create '/nonexistent/folder'");
    fixture_set(fixture, "MOULT_RUNTIME_DIR", "relative");
    RUN(fixture, "list");
    assert_int_equal(fixture->status, 6);
}

static void
broken_answers_are_a_lost_engine(void **state)
{
    static const char *const steps[] = {
        "{\"close\":true}",
        "{\"exit\":true}",
        "{\"raw\":\"HTTP/1.1 400 Bad Request\"}",
        "{\"raw\":\"{\\\"parameters\\\":{\"},{\"close\":true}",
    };
    Fixture *fixture = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *script = g_strdup_printf("{\"io.moult.List\":[[%s]]}", steps[i]);
        g_autofree char *runtime = g_strdup_printf("%s/run%zu", fixture->folder, i);
        fixture_script(fixture, script);
        fixture_set(fixture, "MOULT_RUNTIME_DIR", runtime);
        RUN(fixture, "list");
        fixture_expect(fixture, 6, "", NULL);
        assert_contains(fixture->err, "moult: lost the connection to the engine: ");
    }
}

static void
several_replies_to_one_call_are_refused(void **state)
{
    Fixture *fixture = *state;

    fixture_script(fixture, "{\"io.moult.List\":[[{\"continues\":{}},{\"reply\":{}}]]}");
    RUN(fixture, "list");
    assert_int_equal(fixture->status, 1);
}

typedef struct {
    Fixture *fixture;
    char *out;
    int status;
} Racer;

static gpointer
race(gpointer data)
{
    Racer *racer = data;
    const char *argv[] = {g_getenv("MOULT_EXE"), "list", "--json", NULL};

    if (!g_spawn_sync(racer->fixture->folder, (char **)argv, racer->fixture->environment, 0, NULL, NULL,
                      &racer->out, NULL, &racer->status, NULL))
        racer->status = -1;
    return NULL;
}

static void
commands_that_race_end_up_at_one_engine(void **state)
{
    Fixture *fixture = *state;
    Racer racers[8];
    GThread *threads[G_N_ELEMENTS(racers)];

    fixture_script(fixture, EMPTY_LIST);
    for (size_t i = 0; i < G_N_ELEMENTS(racers); i++) {
        racers[i] = (Racer){.fixture = fixture};
        threads[i] = g_thread_new("racer", race, &racers[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(racers); i++) {
        g_thread_join(threads[i]);
        assert_int_equal(racers[i].status, 0);
        assert_string_equal(racers[i].out, EMPTY_LIST_OUT);
        g_free(racers[i].out);
    }
}

static void
an_engine_that_is_leaving_is_waited_for(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *runtime = fixture_path(fixture, "run"),
                    *lock_path = fixture_path(fixture, "run/moultd.lock");
    g_autofree char *fifo = fixture_path(fixture, "fifo");
    Racer racer = {.fixture = fixture};

    /* The lock is held, nobody listens: an engine that has removed its socket and is on its way out. */
    assert_int_equal(mkdir(runtime, 0711), 0);
    int lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(lock_fd, LOCK_EX), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fixture_set(fixture, "FAKE_LOCKED_FIFO", fifo);
    fixture_script(fixture, EMPTY_LIST);
    GThread *thread = g_thread_new("racer", race, &racer);
    /* Opens once the engine that `moult` has started finds the lock taken. */
    int fifo_fd = open(fifo, O_RDONLY | O_CLOEXEC);
    close(lock_fd);
    g_thread_join(thread);
    close(fifo_fd);
    assert_int_equal(racer.status, 0);
    assert_string_equal(racer.out, EMPTY_LIST_OUT);
    g_free(racer.out);
}

static void
another_users_engine_is_not_trusted(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *runtime = fixture_path(fixture, "run"),
                    *path = fixture_path(fixture, "run/control.sock");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(runtime, 0711), 0);
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    /* SO_PEERCRED of a listening socket is whoever called listen. */
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(seteuid(0), 0);
    RUN(fixture, "list");
    close(fd);
    assert_int_equal(fixture->status, 6);
    assert_contains(fixture->err, "belongs to another user");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_engine_is_started_on_demand),
        TEST(long_runtime_folders_work),
        TEST(a_stale_socket_is_no_engine),
        TEST(the_last_words_of_an_engine_are_shown),
        TEST(a_long_log_starts_anew),
        TEST(an_engine_that_does_not_stay_is_not_started_for_ever),
        TEST(a_missing_engine_is_named),
        TEST(broken_answers_are_a_lost_engine),
        TEST(several_replies_to_one_call_are_refused),
        TEST(commands_that_race_end_up_at_one_engine),
        TEST(an_engine_that_is_leaving_is_waited_for),
        TEST(another_users_engine_is_not_trusted),
    };

    return cmocka_run_group_tests_name("cli-engine", tests, NULL, NULL);
}
