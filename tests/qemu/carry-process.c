/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is about the process rather than the machine, through upgrades and rollbacks: pidfile, users, names,
 * the sandbox.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "carry.h"
#include "harness.h"

static void
expect_pidfile(const HarnessGuest *guest, const char *path)
{
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_int_equal(atoi(text), guest->pid);
}

static void
pidfile_names_the_running_qemu(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec("-daemonize -pidfile @folder@/old -pidfile @folder@/pidfile"));
    g_autofree char *path = carry_path(guest, "pidfile"), *old = carry_path(guest, "old");

    expect_pidfile(guest, path);
    assert_false(g_file_test(old, G_FILE_TEST_EXISTS)); /* QEMU takes the last one */
    carry_roll_back(guest);
    expect_pidfile(guest, path);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_pidfile(guest, path);
    harness_guest_power_off(guest);
    assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    harness_engine_finish(engine);
}

static void
pidfile_of_somebody_else_is_left_alone(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-pidfile @folder@/pidfile"));
    g_autofree char *path = carry_path(guest, "pidfile"), *text = NULL;

    assert_true(g_file_set_contents(path, "1\n", -1, NULL));
    g_autoptr(HarnessReply) reply = moult(engine, "stop", guest->name, "--force", "--json", NULL);
    assert_status(reply, EXIT_DONE);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, "1\n");
    harness_engine_finish(engine);
}

/* VALUE of FIELD in /proc/PID/status, its first word. Owned. */
static char *
dup_status(const HarnessGuest *guest, const char *field)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)guest->pid);
    g_autofree char *text = NULL, *line = g_strdup_printf("\n%s:\t", field);

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    const char *value = strstr(text, line);
    assert_non_null(value);
    value += strlen(line);
    return g_strndup(value, strcspn(value, "\t\n"));
}

static void
expect_status(const HarnessGuest *guest, const char *field, const char *value)
{
    g_autofree char *found = dup_status(guest, field);

    assert_string_equal(found, value);
}

static void
check_run_as(const char *uid, HarnessBuild first, HarnessBuild second, const HarnessSpec *spec)
{
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", first, spec);

    expect_status(guest, "Uid", uid);
    harness_guest_upgrade(guest, second);
    expect_status(guest, "Uid", uid);
    harness_guest_upgrade(guest, first);
    expect_status(guest, "Uid", uid);
    harness_engine_finish(engine);
}

static void
user_that_qemu_changes_to_stays_in_the_old_spelling(void **state)
{
    (void)state;
    check_run_as("65534", BUILD_INSTALLED, BUILD_SECOND, carry_spec_tiny("-runas nobody"));
}

static void
user_that_qemu_changes_to_stays_in_the_new_spelling(void **state)
{
    (void)state;
    check_run_as("12345", BUILD_SECOND, BUILD_INSTALLED, carry_spec_tiny("-run-with user=12345:54321"));
}

static void
name_of_the_process_and_sandbox_stay(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-name guest=web,process=vm-web,debug-threads=on "
                        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));

    for (HarnessBuild build = BUILD_SECOND;; build = BUILD_INSTALLED) {
        expect_status(guest, "Seccomp", "2");
        g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)guest->pid), *name = NULL;
        assert_true(g_file_get_contents(path, &name, NULL, NULL));
        assert_string_equal(g_strchomp(name), "vm-web");
        harness_guest_upgrade(guest, build);
        if (build == BUILD_INSTALLED)
            break;
    }
    harness_engine_finish(engine);
}

static void
chroot_is_refused(void **state)
{
    (void)state;
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-chroot @folder@"));

    carry_expect_refusal(guest, "chroot");
    harness_engine_finish(engine);
}

static void
log_of_qemu_is_not_emptied(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-D @folder@/debug.log -d cpu_reset"));
    g_autofree char *path = carry_path(guest, "debug.log"), *before = NULL, *after = NULL;

    assert_true(g_file_get_contents(path, &before, NULL, NULL) && *before);
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_true(g_file_get_contents(path, &after, NULL, NULL));
    assert_true(g_str_has_prefix(after, before));
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(pidfile_names_the_running_qemu),
        HARNESS_TEST(pidfile_of_somebody_else_is_left_alone),
        HARNESS_TEST(user_that_qemu_changes_to_stays_in_the_old_spelling),
        HARNESS_TEST(user_that_qemu_changes_to_stays_in_the_new_spelling),
        HARNESS_TEST(name_of_the_process_and_sandbox_stay),
        HARNESS_TEST(chroot_is_refused),
        HARNESS_TEST(log_of_qemu_is_not_emptied),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
