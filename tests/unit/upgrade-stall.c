/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When the copy of a guest that stands counts as standing still, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "upgrade/stall.h"
#include "upgrade/timeouts.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define TOTAL (1024 * MIB)
#define S(n) (G_USEC_PER_SEC * G_GINT64_CONSTANT(n))
#define LIMIT_US (UPGRADE_TIMEOUT_STALL_MS * G_GINT64_CONSTANT(1000))

static void
begins_with_the_first_look(void **state)
{
    UpgradeStall stall = {0};

    (void)state;
    upgrade_stall_note(&stall, 0, 0, TOTAL, S(100));
    assert_int_equal(upgrade_stall_get_deadline_us(&stall), S(100) + LIMIT_US);
}

static void
each_page_is_progress(void **state)
{
    UpgradeStall stall = {0};

    (void)state;
    upgrade_stall_note(&stall, 50 * MIB, 0, TOTAL, S(100));
    upgrade_stall_note(&stall, 50 * MIB + 4096, 0, TOTAL, S(103));
    assert_int_equal(upgrade_stall_get_deadline_us(&stall), S(103) + LIMIT_US);
    upgrade_stall_note(&stall, 50 * MIB + 4096, 0, TOTAL, S(107));
    assert_int_equal(upgrade_stall_get_deadline_us(&stall), S(103) + LIMIT_US);
}

/* It spins: it works, and takes nothing. */
static void
work_alone_is_none(void **state)
{
    UpgradeStall stall = {0};

    (void)state;
    upgrade_stall_note(&stall, 50 * MIB, S(1), TOTAL, S(100));
    upgrade_stall_note(&stall, 50 * MIB, S(4), TOTAL, S(103));
    assert_int_equal(upgrade_stall_get_deadline_us(&stall), S(100) + LIMIT_US);
}

/* It had all of its memory from the start: nothing else can be seen of it. */
static void
work_is_some_where_all_is_there(void **state)
{
    UpgradeStall stall = {0};

    (void)state;
    upgrade_stall_note(&stall, TOTAL + 50 * MIB, S(1), TOTAL, S(100));
    upgrade_stall_note(&stall, TOTAL + 50 * MIB, S(1) + 1000, TOTAL, S(103)); /* timers */
    assert_int_equal(upgrade_stall_get_deadline_us(&stall), S(100) + LIMIT_US);
    upgrade_stall_note(&stall, TOTAL + 50 * MIB, S(2), TOTAL, S(104));
    assert_int_equal(upgrade_stall_get_deadline_us(&stall), S(104) + LIMIT_US);
}

static void
a_process_that_has_ended_has_nothing(void **state)
{
    guint64 resident_bytes = 0;
    gint64 cpu_us = -1;
    ProcessIdentity self = {.pid = getpid()}, child = {.pid = fork()};

    (void)state;
    if (child.pid == 0)
        _exit(0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(upgrade_stall_read(&child, &resident_bytes, &cpu_us));
    waitpid(child.pid, NULL, 0);
    assert_true(upgrade_stall_read(&self, &resident_bytes, &cpu_us));
    assert_true(resident_bytes > 0 && cpu_us >= 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_the_first_look),     cmocka_unit_test(each_page_is_progress),
        cmocka_unit_test(work_alone_is_none),             cmocka_unit_test(work_is_some_where_all_is_there),
        cmocka_unit_test(a_process_that_has_ended_has_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
