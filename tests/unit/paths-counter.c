/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths-helper.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#define TAKEN_BY_ONE 25

static guint64
take(const Place *place)
{
    g_autoptr(GError) error = NULL;
    guint64 id = 0;
    assert_ok(paths_next_domain_id(place->dirs, &id, &error), error);
    return id;
}

static char *
counter_path(const Place *place)
{
    return g_build_filename(place->dirs->state, "next-id", NULL);
}

static void
ids_start_at_one_and_count_up(void **state)
{
    assert_int_equal(take(*state), 1);
    assert_int_equal(take(*state), 2);
    assert_int_equal(take(*state), 3);
}

static void
ids_are_above_those_with_a_folder(void **state)
{
    Place *place = *state;
    g_autoptr(PathsInstance) instance = paths_instance_new(place->dirs, 41);
    assert_int_equal(take(place), 1);
    assert_true(paths_instance_create(instance, geteuid(), getegid(), NULL));
    assert_int_equal(take(place), 42);
    assert_true(paths_instance_remove(instance, NULL));
    assert_int_equal(take(place), 43); /* remembered, now that the folder is gone */
}

static void
damaged_counter_is_refused_not_guessed(void **state)
{
    Place *place = *state;
    g_autofree char *path = counter_path(place);
    const char *damaged[] = {"",        "12",    "\n",    "12\n\n", "-3\n",   "0\n",
                             "012\n",   "1 2\n", "12x\n", " 12\n",  "0x12\n", "99999999999999999999\n",
                             "12\n34\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_autoptr(GError) error = NULL;
        guint64 id = 77;
        assert_true(g_file_set_contents(path, damaged[i], -1, NULL));
        assert_false(paths_next_domain_id(place->dirs, &id, &error));
        assert_non_null(strstr(error->message, "damaged"));
        assert_error(error, PATHS_ERROR_FAILED);
        assert_int_equal(id, 77);
        assert_content(path, damaged[i]);
    }
    const char zeros[16] = {0}; /* what a file system may show after a power cut */
    guint64 id;
    assert_true(g_file_set_contents(path, zeros, sizeof(zeros), NULL));
    assert_false(paths_next_domain_id(place->dirs, &id, NULL));
    g_autofree char *huge = g_strnfill(100000, '1');
    assert_true(g_file_set_contents(path, huge, -1, NULL));
    assert_false(paths_next_domain_id(place->dirs, &id, NULL));
}

static void
the_last_id_is_an_error_not_a_wrap(void **state)
{
    Place *place = *state;
    g_autofree char *path = counter_path(place);
    guint64 id;
    g_autoptr(GError) error = NULL;
    assert_true(g_file_set_contents(path, "9223372036854775807\n", -1, NULL));
    assert_false(paths_next_domain_id(place->dirs, &id, &error));
    assert_error(error, PATHS_ERROR_FAILED);
}

/* Takes COUNT ids (0: without end) and reports each through FD once it has it. */
static G_GNUC_NORETURN void
take_and_report(const Place *place, int count, int fd)
{
    guint64 id;
    for (int i = 0; count == 0 || i < count; i++)
        if (!paths_next_domain_id(place->dirs, &id, NULL) || write(fd, &id, sizeof(id)) != sizeof(id))
            _exit(1);
    _exit(0);
}

static pid_t
start_taker(const Place *place, int count, int fds[2])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves none behind */
        close(fds[0]);
        take_and_report(place, count, fds[1]);
    }
    return pid;
}

/* Reads one id, waiting at most 20 s; FALSE at the end of the pipe. */
static bool
read_id(int fd, guint64 *ret_id)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 20000), 1);
    return read(fd, ret_id, sizeof(*ret_id)) == sizeof(*ret_id);
}

static void
several_processes_never_get_the_same_id(void **state)
{
    Place *place = *state;
    pid_t pids[4];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(pids); i++)
        pids[i] = start_taker(place, TAKEN_BY_ONE, fds);
    close(fds[1]);
    bool seen[G_N_ELEMENTS(pids) * TAKEN_BY_ONE + 1] = {false};
    guint64 id;
    size_t n = 0;
    for (; read_id(fds[0], &id); n++) {
        assert_in_range(id, 1, G_N_ELEMENTS(seen) - 1);
        assert_false(seen[id]);
        seen[id] = true;
    }
    assert_int_equal(n, G_N_ELEMENTS(seen) - 1);
    for (size_t i = 0; i < G_N_ELEMENTS(pids); i++)
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    close(fds[0]);
}

/* Killed wherever it happens to be; what it was given is never given again, and the next one can go on. */
static void
killed_takers_repeat_no_id(void **state)
{
    Place *place = *state;
    guint64 last = 0;
    for (guint round = 0; round < 30; round++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = start_taker(place, 0, fds);
        close(fds[1]);
        guint64 id;
        for (guint i = 0; i <= round % 3; i++) {
            assert_true(read_id(fds[0], &id));
            assert_true(id > last);
            last = id;
        }
        g_usleep(round * 37 % 500);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        while (read_id(fds[0], &id)) {
            assert_true(id > last);
            last = id;
        }
        close(fds[0]);
    }
    assert_true(take(place) > last);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(ids_start_at_one_and_count_up),           place_test(ids_are_above_those_with_a_folder),
        place_test(damaged_counter_is_refused_not_guessed),  place_test(the_last_id_is_an_error_not_a_wrap),
        place_test(several_processes_never_get_the_same_id), place_test(killed_takers_repeat_no_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
