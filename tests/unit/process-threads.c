/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many threads there are, and how many more there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/identity.h"
#include "process/threads.h"

#define NOBODY 65534
#define LIMIT 1000

static void
threads_are_counted(void **state G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    guint n = 0;

    assert_true(process_threads_count(getpid(), &n, &error));
    assert_int_equal(n, 1);
}

static void
a_process_that_is_gone_is_told(void **state G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    guint64 room = 0;
    guint n = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(process_threads_count(child, &n, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE));
    assert_false(process_threads_get_room(child, &room, NULL, NULL));
}

/* In a child, for the user stays changed. Other processes of that user may come and go. */
static int
look_as_nobody(void)
{
    const struct rlimit limit = {LIMIT, LIMIT};
    g_autofree char *name = NULL;
    guint64 room = 0;

    if ((geteuid() == 0 && setuid(NOBODY) < 0) || setrlimit(RLIMIT_NPROC, &limit) < 0)
        return 1;
    if (!process_threads_get_room(getpid(), &room, &name, NULL))
        return 2;
    if (room >= LIMIT) /* at least we are one */
        return 3;
    return name && (strstr(name, "RLIMIT_NPROC") || strstr(name, "pids.max")) ? 0 : 4;
}

static void
limit_of_the_user_counts(void **state G_GNUC_UNUSED)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(look_as_nobody());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_counted),
        cmocka_unit_test(a_process_that_is_gone_is_told),
        cmocka_unit_test(limit_of_the_user_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
