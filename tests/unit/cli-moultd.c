/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `moult` and the real engine, without any guest: starting, racing, leaving, and clients that mean harm. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "cli-fixture.h"

#define DEADLINE_MS 20000
#define EMPTY_LIST "{\"schema_version\":1,\"guests\":[]}\n"

static int
connect_engine(const Fixture *fixture)
{
    g_autofree char *path = fixture_path(fixture, "run/control.sock");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* A descriptor of the process that listens; -1 when none does. */
static int
open_engine(const Fixture *fixture)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    int fd = connect_engine(fixture), pidfd = -1;

    if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
        pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
    if (fd >= 0)
        close(fd);
    return pidfd;
}

static bool
has_ended(int pidfd, int timeout_ms)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};

    return poll(&ended, 1, timeout_ms) == 1;
}

static int
setup(void **state)
{
    int result = fixture_setup(state);

    if (!g_getenv("MOULTD_EXE"))
        return 1;
    fixture_set(*state, "MOULT_MOULTD", g_getenv("MOULTD_EXE"));
    return result;
}

/* No engine is left behind, and none of its sockets. */
static int
teardown(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *socket_path = fixture_path(fixture, "run/control.sock");
    int pidfd = open_engine(fixture), failed = 0;

    if (pidfd >= 0) {
        failed = syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0 ||
                 !has_ended(pidfd, DEADLINE_MS) || g_file_test(socket_path, G_FILE_TEST_EXISTS);
        close(pidfd);
    }
    return fixture_teardown(state) || failed;
}

static void
an_engine_is_started_once_and_stays(void **state)
{
    Fixture *fixture = *state;
    struct stat status;
    g_autofree char *path = fixture_path(fixture, "run/control.sock");

    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST, "");
    int pidfd = open_engine(fixture);
    assert_true(pidfd >= 0);
    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST, "");
    assert_false(has_ended(pidfd, 0));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    close(pidfd);
}

static gpointer
race(gpointer data)
{
    Fixture *fixture = data;
    const char *argv[] = {g_getenv("MOULT_EXE"), "list", "--json", NULL};
    g_autofree char *out = NULL;
    int status = -1;

    g_spawn_sync(fixture->folder, (char **)argv, fixture->environment, 0, NULL, NULL, &out, NULL, &status,
                 NULL);
    return GINT_TO_POINTER(status == 0 && strcmp(out, EMPTY_LIST) == 0);
}

static void
commands_that_race_end_up_at_one_engine(void **state)
{
    GThread *threads[6];

    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("racer", race, *state);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_true(GPOINTER_TO_INT(g_thread_join(threads[i])));
}

static void
an_idle_engine_leaves_and_the_next_command_starts_another(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = fixture_path(fixture, "run/control.sock");
    const char *argv[] = {g_getenv("MOULTD_EXE"), "--timeout", "1", "--ready-fd", "3", NULL};
    const int target = 3;
    int ready[2], status;
    char byte;
    GPid pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_true(g_spawn_async_with_pipes_and_fds(
        fixture->folder, argv, (const char *const *)fixture->environment, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
        NULL, -1, -1, -1, &ready[1], &target, 1, &pid, NULL, NULL, NULL, NULL));
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'R');
    close(ready[0]);
    int client = connect_engine(fixture);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(client >= 0);
    /* Longer than the engine would stay without the client. */
    assert_false(has_ended(pidfd, 1500));
    close(client);
    assert_true(has_ended(pidfd, DEADLINE_MS));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    close(pidfd);
    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST, "");
}

/* The engine disconnects whoever sends BYTES, a hundred times over, and serves the next. */
static void
assert_survives(Fixture *fixture, const char *bytes, size_t length)
{
    int fd = connect_engine(fixture);
    struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};
    char buffer[4096];
    ssize_t n;

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
    for (int i = 0; i < 100; i++)
        if (send(fd, bytes, length, MSG_NOSIGNAL) < 0)
            break;
    shutdown(fd, SHUT_WR);
    while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
        continue;
    assert_true(n == 0 || errno == ECONNRESET);
    close(fd);
    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST, "");
}

static void
clients_that_mean_harm_are_disconnected(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *megabyte = g_malloc(1 << 20);

    RUN(fixture, "list");
    int pidfd = open_engine(fixture);
    memset(megabyte, 'x', 1 << 20);
    assert_survives(fixture, megabyte, 1 << 20);
    memset(megabyte, ' ', 1 << 20);
    assert_survives(fixture, megabyte, 1 << 20);
    memset(megabyte, '[', 1 << 20);
    assert_survives(fixture, megabyte, 1 << 20);
    megabyte[0] = '"';
    memset(megabyte + 1, 'y', (1 << 20) - 1);
    assert_survives(fixture, megabyte, 1 << 20);
    assert_survives(fixture, "{\"method\":", 10);
    assert_survives(fixture, "\0", 1);
    assert_survives(fixture, "{\"method\":\"io.moult.List\"}", 27);
    assert_false(has_ended(pidfd, 0));
    close(pidfd);
}

static void
bad_names_are_refused(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *long_name = g_strnfill(65, 'x');
    const char *names[] = {"", ".", "..", "a/b", "../a", "a\nb", "a\x1b[0m", "a b", long_name};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        RUN(fixture, "run", names[i], "--", "/bin/true");
        fixture_expect(fixture, 3, "", NULL);
        assert_contains(fixture->err, "(name-invalid)");
        assert_null(strchr(fixture->err, '\x1b'));
        RUN(fixture, "define", names[i], "--", "/bin/true");
        fixture_expect(fixture, 3, "", NULL);
    }
    RUN(fixture, "list", "--json");
    fixture_expect(fixture, 0, EMPTY_LIST, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_engine_is_started_once_and_stays),
        TEST(commands_that_race_end_up_at_one_engine),
        TEST(an_idle_engine_leaves_and_the_next_command_starts_another),
        TEST(clients_that_mean_harm_are_disconnected),
        TEST(bad_names_are_refused),
    };

    return cmocka_run_group_tests_name("cli-moultd", tests, NULL, NULL);
}
