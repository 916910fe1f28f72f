/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmp/wait.h"

typedef struct {
    int data[2], cancel[2];
} Pipes;

static int
setup(void **state)
{
    Pipes *pipes = g_new0(Pipes, 1);

    *state = pipes;
    return pipe2(pipes->data, O_CLOEXEC) | pipe2(pipes->cancel, O_CLOEXEC);
}

static int
teardown(void **state)
{
    Pipes *pipes = *state;

    for (guint i = 0; i < 2; i++) {
        close(pipes->data[i]);
        close(pipes->cancel[i]);
    }
    g_free(pipes);
    return 0;
}

static void
make_readable(int ends[2])
{
    assert_int_equal(write(ends[1], "", 1), 1);
}

static void
ready_when_the_descriptor_is(void **state)
{
    Pipes *pipes = *state;
    QmpWait wait = qmp_wait_from_now(10000, pipes->cancel[0]);

    make_readable(pipes->data);
    assert_int_equal(qmp_wait_poll(&wait, pipes->data[0], POLLIN), QMP_WAIT_READY);
    assert_int_equal(qmp_wait_check(&wait), QMP_WAIT_READY);
}

static void
a_deadline_ends_it_not_before(void **state)
{
    Pipes *pipes = *state;
    QmpWait wait = qmp_wait_from_now(25, pipes->cancel[0]);

    assert_int_equal(qmp_wait_poll(&wait, pipes->data[0], POLLIN), QMP_WAIT_TIMED_OUT);
    assert_true(g_get_monotonic_time() >= wait.deadline_us);
    assert_int_equal(qmp_wait_poll(&wait, -1, 0), QMP_WAIT_TIMED_OUT);
    assert_int_equal(qmp_wait_check(&wait), QMP_WAIT_TIMED_OUT);
}

static void
a_deadline_beats_a_busy_descriptor(void **state)
{
    Pipes *pipes = *state;
    QmpWait wait = qmp_wait_from_now(-1, -1);

    make_readable(pipes->data);
    assert_int_equal(qmp_wait_poll(&wait, pipes->data[0], POLLIN), QMP_WAIT_TIMED_OUT);
}

static void
cancelling_beats_everything(void **state)
{
    Pipes *pipes = *state;
    QmpWait wait = qmp_wait_from_now(10000, pipes->cancel[0]);
    QmpWait over = qmp_wait_from_now(-1, pipes->cancel[0]);

    make_readable(pipes->data);
    make_readable(pipes->cancel);
    assert_int_equal(qmp_wait_poll(&wait, pipes->data[0], POLLIN), QMP_WAIT_CANCELLED);
    assert_int_equal(qmp_wait_poll(&over, pipes->data[0], POLLIN), QMP_WAIT_CANCELLED);
    assert_int_equal(qmp_wait_check(&over), QMP_WAIT_CANCELLED);
}

static void
a_broken_cancel_descriptor_cancels(void **state)
{
    Pipes *pipes = *state;
    QmpWait wait = qmp_wait_from_now(10000, 1 << 20);

    assert_int_equal(qmp_wait_poll(&wait, pipes->data[0], POLLIN), QMP_WAIT_CANCELLED);
}

static void
within_only_shortens(void **state)
{
    QmpWait wait = qmp_wait_from_now(1000, 7);
    QmpWait shorter = qmp_wait_within(&wait, 10);
    QmpWait same = qmp_wait_within(&wait, 100000);

    (void)state;
    assert_true(shorter.deadline_us < wait.deadline_us);
    assert_true(same.deadline_us == wait.deadline_us);
    assert_int_equal(shorter.cancel_fd, 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ready_when_the_descriptor_is),       TEST(a_deadline_ends_it_not_before),
        TEST(a_deadline_beats_a_busy_descriptor), TEST(cancelling_beats_everything),
        TEST(a_broken_cancel_descriptor_cancels), cmocka_unit_test(within_only_shortens),
    };

    alarm(50);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
