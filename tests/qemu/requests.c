/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that are refused, each by its code, of guests that have nothing else wrong with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

#include "harness.h"

static HarnessEngine *engine;

static char *
dup_pid(const HarnessGuest *guest)
{
    return g_strdup_printf("%d", guest->pid);
}

static void
test_what_does_not_fit_the_guest(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &harness_tiny);
    g_autoptr(HarnessReply) release = moult(engine, "release", "g", "--json", NULL);
    g_autoptr(HarnessReply) undefine = moult(engine, "undefine", "g", "--json", NULL);
    g_autoptr(HarnessReply) cancel = moult(engine, "cancel", "999", "--json", NULL);
    g_autoptr(HarnessReply) stop = moult(engine, "stop", "g", "--timeout", "1", "--json", NULL);

    assert_refusal(release, EXIT_REFUSED, "not-adopted", NULL);
    assert_refusal(undefine, EXIT_REFUSED, "not-defined", NULL);
    assert_refusal(cancel, EXIT_REFUSED, "job-unknown", NULL);
    assert_refusal(stop, EXIT_TIMED_OUT, "stop-timeout", NULL); /* it knows no power button */
    harness_guest_check_untouched(guest);
    harness_engine_finish(engine);
}

static void
test_monitor_of_nobody(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    g_autofree char *path = g_build_filename(engine->folder, "nobody.sock", NULL);
    g_autoptr(HarnessReply) reply = moult(engine, "adopt", "g", "--qmp", path, "--json", NULL);

    assert_refusal(reply, EXIT_REFUSED, "monitor-unreachable", NULL);
    harness_engine_finish(engine);
}

static void
test_guest_of_another_engine(void **state G_GNUC_UNUSED)
{
    HarnessEngine *other = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(other, "g", BUILD_INSTALLED, &harness_tiny);
    g_autofree char *pid = dup_pid(guest);

    engine = harness_engine_new(NULL);
    g_autoptr(HarnessReply) reply = moult(engine, "adopt", "g", "--pid", pid, "--json", NULL);
    assert_refusal(reply, EXIT_REFUSED, "owner-moult", NULL);
    harness_engine_finish(engine);
    harness_guest_check_untouched(guest);
    harness_engine_finish(other);
}

static void
test_definition_that_cannot_be_kept(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    g_autofree char *away = g_strconcat(engine->config, ".away", NULL);
    bool was_there = g_rename(engine->config, away) == 0;
    assert_true(g_file_set_contents(engine->config, "", 0, NULL));
    g_autoptr(HarnessReply) reply =
        moult(engine, "define", "g", "--json", "--", harness_build(BUILD_INSTALLED), "-m", "16", NULL);

    assert_refusal(reply, EXIT_FAILED, "config-dir", NULL);
    assert_int_equal(g_unlink(engine->config), 0);
    assert_true(!was_there || g_rename(away, engine->config) == 0);
    harness_engine_finish(engine);
}

/* What moult adds to a command line that says next to nothing. */
static void
test_what_is_added(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    g_autoptr(HarnessReply) run = moult(engine, "run", "g", "--json", "--", harness_build(BUILD_INSTALLED), "-accel", "tcg",
                                        "-machine", "pc-q35-7.2", "-m", "16", NULL);
    assert_status(run, EXIT_DONE);
    g_autoptr(HarnessReply) check = moult(engine, "check", "g", NULL);
    assert_status(check, EXIT_DONE);
    assert_non_null(strstr(check->text, "OK     display-none"));
    assert_non_null(strstr(check->text, "OK     monitor-default"));
    g_autoptr(HarnessReply) stop = moult(engine, "stop", "g", "--force", NULL);
    assert_status(stop, EXIT_DONE);
    harness_engine_finish(engine);
}

#define TEST(f) {.name = &#f[sizeof("test_") - 1], .test_func = f, .teardown_func = harness_teardown}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_does_not_fit_the_guest),    TEST(test_monitor_of_nobody), TEST(test_guest_of_another_engine),
        TEST(test_definition_that_cannot_be_kept), TEST(test_what_is_added),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
