/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at the descriptors of another process, and fetching them: a child of the test holds sockets, the test is
 * the engine.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/handover.h"

/* What the child has its sockets under; told in order of its letters. */
enum { UNIX_LISTENER = 20, INET_LISTENER, PEER, BOUND_ONLY, DATAGRAM, PLAIN_FILE };

typedef struct {
    char *folder, *socket;
    PathsDirs *dirs;
    GuestEnvironment environment;
    GuestInstance *instance;
    int orders; /* a byte makes the child replace its UNIX listener */
    int answers;
} Fixture;

static int
open_unix(const char *path, bool listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    unlink(path);
    bind(fd, (struct sockaddr *)&address, sizeof(address));
    if (listens)
        listen(fd, 1);
    return fd;
}

static int
open_inet(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    bind(fd, (struct sockaddr *)&address, sizeof(address));
    listen(fd, 1);
    return fd;
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    connect(fd, (struct sockaddr *)&address, sizeof(address));
    return fd;
}

static void
run_child(const Fixture *fixture, int orders, int answers)
{
    g_autofree char *bound = g_strconcat(fixture->socket, ".bound", NULL);
    char byte = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(open_unix(fixture->socket, true), UNIX_LISTENER);
    dup2(open_inet(), INET_LISTENER);
    dup2(connect_to(fixture->socket), PEER);
    dup2(open_unix(bound, false), BOUND_ONLY);
    dup2(socket(AF_UNIX, SOCK_DGRAM, 0), DATAGRAM);
    dup2(open("/dev/null", O_RDWR), PLAIN_FILE);
    for (;;) {
        if (write(answers, &byte, 1) != 1 || read(orders, &byte, 1) != 1)
            _exit(0);
        dup2(open_unix(fixture->socket, true), UNIX_LISTENER);
    }
}

static void
await_answer(const Fixture *fixture)
{
    char byte;

    assert_int_equal(read(fixture->answers, &byte, 1), 1);
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    int orders[2], answers[2];

    fixture->folder = g_dir_make_tmp("moult-handover-XXXXXX", NULL);
    fixture->socket = g_build_filename(fixture->folder, "socket", NULL);
    g_setenv("MOULT_RUNTIME_DIR", fixture->folder, TRUE);
    fixture->dirs = paths_dirs_new(NULL);
    fixture->environment = (GuestEnvironment){.dirs = fixture->dirs};
    fixture->instance = guest_instance_new();
    assert_int_equal(pipe2(orders, O_CLOEXEC) | pipe2(answers, O_CLOEXEC), 0);
    fixture->instance->process.pid = fork();
    if (fixture->instance->process.pid == 0)
        run_child(fixture, orders[0], answers[1]);
    close(orders[0]);
    close(answers[1]);
    fixture->orders = orders[1];
    fixture->answers = answers[0];
    await_answer(fixture);
    assert_true(process_identity_read(fixture->instance->process.pid, &fixture->instance->process, NULL));
    fixture->instance->pidfd = process_identity_open(&fixture->instance->process, NULL);
    assert_true(fixture->instance->pidfd >= 0);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *bound = g_strconcat(fixture->socket, ".bound", NULL);

    process_kill_and_reap(fixture->instance->pidfd, 10000, NULL, NULL);
    close(fixture->orders);
    close(fixture->answers);
    guest_instance_free(fixture->instance);
    paths_dirs_free(fixture->dirs);
    g_unlink(fixture->socket);
    g_unlink(bound);
    g_rmdir(fixture->folder);
    g_free(fixture->socket);
    g_free(fixture->folder);
    g_free(fixture);
    return 0;
}

static GPtrArray *
look(const Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *holdings = guest_handover_look(&fixture->environment, fixture->instance, &error);

    if (!holdings)
        fail_msg("%s", error->message);
    return holdings;
}

static void
sockets_are_told_apart(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GPtrArray) holdings = look(fixture);
    const QemuHolding *path = qemu_holdings_find_number(holdings, UNIX_LISTENER);
    const QemuHolding *port = qemu_holdings_find_number(holdings, INET_LISTENER);
    const QemuHolding *peer = qemu_holdings_find_number(holdings, PEER);

    assert_true(path && path->kind == QEMU_HOLDING_LISTENER && path->family == AF_UNIX);
    assert_string_equal(path->path, fixture->socket);
    assert_true(port && port->kind == QEMU_HOLDING_LISTENER && port->family == AF_INET && port->port != 0);
    assert_string_equal(port->host, "127.0.0.1");
    assert_true(peer && peer->kind == QEMU_HOLDING_CONNECTION);
    assert_string_equal(peer->path, fixture->socket);
    for (int number = BOUND_ONLY; number <= PLAIN_FILE; number++)
        assert_int_equal(qemu_holdings_find_number(holdings, number)->kind, QEMU_HOLDING_OTHER);
}

static void
listeners_do_not_block_whoever_comes_second(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GPtrArray) holdings = look(fixture);
    g_autoptr(GError) error = NULL;
    int fd = guest_handover_fetch(fixture->instance, qemu_holdings_find_number(holdings, UNIX_LISTENER), &error);

    assert_true(fd >= 0);
    /* The child's own connection is the one in the queue; whoever accepts after that must come back. */
    close(accept(fd, NULL, NULL));
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
}

static void
another_object_under_the_number_is_refused(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GPtrArray) holdings = look(fixture);
    g_autoptr(GError) error = NULL;

    assert_int_equal(write(fixture->orders, "", 1), 1);
    await_answer(fixture);
    assert_int_equal(guest_handover_fetch(fixture->instance, qemu_holdings_find_number(holdings, UNIX_LISTENER), &error),
                     -1);
    assert_non_null(strstr(error->message, "is not what it was"));
}

static void
a_process_that_has_ended_holds_nothing(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;

    assert_int_equal(kill(fixture->instance->process.pid, SIGKILL), 0);
    assert_int_equal(waitpid(fixture->instance->process.pid, NULL, 0), fixture->instance->process.pid);
    assert_null(guest_handover_look(&fixture->environment, fixture->instance, &error));
    assert_non_null(error);
}

/* What could not be looked at is not what nobody has: one TAP of two would pass for the only one. */
static void
descriptors_that_cannot_be_looked_at_are_an_error(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GError) error = NULL;
    struct rlimit before;
    int first_free = dup(STDERR_FILENO);

    close(first_free);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit one_more = {.rlim_cur = (rlim_t)first_free + 1, .rlim_max = before.rlim_max}; /* for the folder */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &one_more), 0);
    GPtrArray *holdings = guest_handover_look(&fixture->environment, fixture->instance, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(holdings);
    assert_non_null(strstr(error->message, g_strerror(EMFILE)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sockets_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(listeners_do_not_block_whoever_comes_second, setup, teardown),
        cmocka_unit_test_setup_teardown(another_object_under_the_number_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors_that_cannot_be_looked_at_are_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_that_has_ended_holds_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
