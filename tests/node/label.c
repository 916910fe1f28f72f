/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that AppArmor confines. Needs a kernel with it, and apparmor_parser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "carry.h"
#include "harness-private.h"

#define LOADED "/sys/kernel/security/apparmor/profiles"
#define PROFILE "moult-test-guest"

/* Attached to the path of the installed build alone: another one is confined only by whoever starts it. */
static void
load_profile(HarnessEngine *engine)
{
    g_autofree char *path = g_build_filename(engine->folder, "profile", NULL);
    g_autofree char *text = g_strdup_printf("profile " PROFILE " %s {\n  capability,\n  network,\n  unix,\n  signal,\n  ptrace,\n"
                                            "  file,\n  /** mrwlkix,\n  deny /etc/shadow r,\n}\n",
                                            harness_build(BUILD_INSTALLED));
    const char *argv[] = {"apparmor_parser", "--skip-cache", "--replace", path, NULL};
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (access(LOADED, F_OK) < 0)
        harness_skip("this kernel has no AppArmor");
    assert_true(g_file_set_contents(path, text, -1, &error));
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        fail_msg("%s", error->message);
    assert_int_equal(unlink(path), 0);
}

static void
check_profile(HarnessGuest *guest)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/attr/apparmor/current", guest->pid), *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, PROFILE " (enforce)\n");
}

static void
profile_stays(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    load_profile(engine);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    check_profile(guest);
    carry_expect_rows(guest, "OK label-apparmor");
    harness_guest_upgrade(guest, BUILD_SECOND);
    check_profile(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    check_profile(guest);
    harness_engine_finish(engine);
}

/* The new QEMU may not read what the old one may not; nothing of the guest is lost over it. */
static void
what_the_profile_forbids_fails_the_start(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    load_profile(engine);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    const char *build = harness_script(engine, "reads", "read line </etc/shadow || exit 5\nexec %s \"$@\"\n",
                                       harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", guest->name, "--to", build, "--json", NULL);

    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", NULL);
    harness_guest_check_untouched(guest);
    check_profile(guest);
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(profile_stays),
        HARNESS_TEST(what_the_profile_forbids_fails_the_start),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
