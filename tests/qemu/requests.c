/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that are refused, each by its code, of guests that have nothing else wrong with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"

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

/* Its guest is one that the harness does not know of. */
static void
end_with_stop(void)
{
    g_autoptr(HarnessReply) stop = moult(engine, "stop", "g", "--force", NULL);

    assert_status(stop, EXIT_DONE);
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
    end_with_stop();
}

/* ---- What is in the way of a guest's start ---- */

static HarnessReply *
run_tiny(const char *qemu)
{
    return moult(engine, "run", "g", "--json", "--", qemu, "-accel", "tcg", "-display", "none", "-nodefaults", "-m", "16",
                 NULL);
}

static void
test_number_that_cannot_be_written(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    g_autofree char *path = g_build_filename(engine->state, "next-id", NULL);

    assert_int_equal(g_mkdir_with_parents(path, 0700), 0);
    g_autoptr(HarnessReply) refused = run_tiny(harness_build(BUILD_INSTALLED));
    assert_refusal(refused, EXIT_FAILED, "state-dir", path);
    assert_int_equal(g_rmdir(path), 0);
    g_autoptr(HarnessReply) run = run_tiny(harness_build(BUILD_INSTALLED));
    assert_status(run, EXIT_DONE);
    end_with_stop();
}

/* Its QEMU has not been executed yet: there is nothing to be upgraded. */
static void
test_guest_that_is_being_started(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    g_autofree char *arrived = g_build_filename(engine->folder, "arrived", NULL);
    g_autofree char *gate = g_build_filename(engine->folder, "gate", NULL);
    const char *slow = harness_script(engine, "slow", "case \"$*\" in *moult-monitor*) echo >'%s'; read line <'%s';; esac\nexec %s \"$@\"",
                                      arrived, gate, harness_build(BUILD_INSTALLED));
    char byte;

    assert_true(mkfifo(arrived, 0600) == 0 && mkfifo(gate, 0600) == 0);
    Program *run = moult_start(engine, "run", "g", "--json", "--", slow, "-accel", "tcg", "-display", "none", "-nodefaults", "-m",
                               "16", NULL);
    int fd = open(arrived, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
    g_autoptr(HarnessReply) upgrade = moult(engine, "upgrade", "g", "--json", NULL);
    assert_outcome(upgrade, EXIT_REFUSED, "refused", "guest-starting", NULL);
    fd = open(gate, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "\n", 1), 1);
    close(fd);
    g_autoptr(HarnessReply) reply = moult_finish(run);
    assert_status(reply, EXIT_DONE);
    end_with_stop();
}

/* ---- What is in the way of its upgrade ---- */

/* Long enough that a migration socket would not fit, short enough for the control socket. */
static void
test_runtime_folder_of_a_long_name(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_prepare();
    g_autofree char *name = g_strnfill(80 - strlen(engine->folder) - 1, 'x');

    g_free(engine->runtime);
    engine->runtime = g_build_filename(engine->folder, name, NULL);
    harness_engine_start(engine, NULL);
    carry_expect_refusal(harness_guest_run(engine, "g", BUILD_INSTALLED, &harness_tiny), "runtime-dir-too-long");
    harness_engine_finish(engine);
}

/* The target would be given another guest's memory. */
static void
test_memory_file_that_was_replaced(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(
        engine, "g", BUILD_INSTALLED,
        carry_spec_tiny("-object memory-backend-file,id=m0,size=16M,mem-path=@folder@/ram,share=on -machine memory-backend=m0"));
    g_autofree char *path = carry_path(guest, "ram"), *away = carry_path(guest, "ram.away");

    assert_int_equal(g_rename(path, away), 0);
    carry_expect_refusal(guest, "ram-file-differs");
    assert_true(g_file_set_contents(path, "", 0, NULL));
    assert_int_equal(truncate(path, 16 << 20), 0);
    carry_expect_refusal(guest, "ram-file-differs");
    assert_int_equal(g_rename(away, path), 0);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* Somebody has edited what the engine wrote of a guest that runs. */
static void
test_record_that_names_other_memory(void **state G_GNUC_UNUSED)
{
    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &harness_tiny);
    g_autofree char *path = g_strdup_printf("%s/instances/%" G_GINT64_FORMAT "/config.json", engine->runtime, guest->id);
    g_autofree char *text = NULL;

    harness_engine_stop(engine);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) parts = g_strsplit(text, "\"-m\",\"16M\"", -1);
    assert_int_not_equal(g_strv_length(parts), 1);
    g_autofree char *other = g_strjoinv("\"-m\",\"32M\"", parts);
    assert_true(g_file_set_contents_full(path, other, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
    harness_engine_start(engine, NULL);
    carry_expect_refusal(guest, "memory-changed");
    harness_engine_finish(engine);
}

#define TEST(f) {.name = &#f[sizeof("test_") - 1], .test_func = f, .teardown_func = harness_teardown}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_does_not_fit_the_guest),    TEST(test_monitor_of_nobody), TEST(test_guest_of_another_engine),
        TEST(test_definition_that_cannot_be_kept), TEST(test_what_is_added), TEST(test_number_that_cannot_be_written),
        TEST(test_guest_that_is_being_started),    TEST(test_runtime_folder_of_a_long_name),
        TEST(test_memory_file_that_was_replaced),  TEST(test_record_that_names_other_memory),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
