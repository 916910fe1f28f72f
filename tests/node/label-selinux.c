/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that SELinux confines. Needs a node with the policy of this folder (selinux/policy.cil), which says what the types mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "carry.h"
#include "harness-private.h"

#define ENFORCE "/sys/fs/selinux/enforce"
#define ATTRIBUTE "security.selinux"
#define GUEST "system_u:system_r:guest_t:s0:c1,c2"
#define GUEST_FILE "system_u:object_r:guest_file_t:s0:c1,c2"

/* Labels outlive a test. */
static void
set_type(HarnessBuild build, const char *type)
{
    g_autofree char *label = g_strdup_printf("system_u:object_r:%s:s0", type);

    if (setxattr(harness_build(build), ATTRIBUTE, label, strlen(label), 0) < 0)
        fail_msg("%s: %s", harness_build(build), g_strerror(errno));
}

/* A guest of a QEMU that is SOURCE_TYPE, to be upgraded to one of qemu_exec_t. */
static HarnessGuest *
begin(const char *source_type)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(ENFORCE, &text, NULL, NULL) || !g_str_equal(text, "1"))
        harness_skip("this kernel does not enforce SELinux's labels");
    set_type(BUILD_INSTALLED, source_type);
    set_type(BUILD_SECOND, "qemu_exec_t");
    return harness_guest_run(harness_engine_new(NULL), "guest", BUILD_INSTALLED, &harness_tiny);
}

static void
check_label(const HarnessGuest *guest, const char *expected)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/attr/current", guest->pid), *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, expected);
}

/* Its own alone, of all that is in memory. */
static void
check_folder_label(const HarnessGuest *guest, const char *expected)
{
    g_autofree char *path = g_strdup_printf("%s/instances/%d", guest->engine->runtime, (int)guest->id);
    char text[256] = "";

    assert_true(getxattr(path, ATTRIBUTE, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, expected);
}

/* The first QEMU has its categories from its binary; that the others have them is the engine's doing. */
static void
label_stays(void **state)
{
    (void)state;
    HarnessGuest *guest = begin("born_exec_t");

    check_label(guest, GUEST);
    carry_expect_rows(guest, "OK label-selinux");
    harness_guest_upgrade(guest, BUILD_SECOND);
    check_label(guest, GUEST);
    check_folder_label(guest, GUEST_FILE);
    set_type(BUILD_INSTALLED, "qemu_exec_t");
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    check_label(guest, GUEST);
    check_folder_label(guest, GUEST_FILE);
    harness_engine_finish(guest->engine);
}

static void
binary_that_the_policy_does_not_start_so_is_refused(void **state)
{
    (void)state;
    HarnessGuest *guest = begin("born_exec_t");

    set_type(BUILD_SECOND, "host_t");
    carry_expect_refusal(guest, "label-selinux");
    check_label(guest, GUEST);
    set_type(BUILD_SECOND, "qemu_exec_t");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(guest->engine);
}

static void
label_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    HarnessGuest *guest = begin("secret_exec_t");

    carry_expect_refusal(guest, "label-unreadable");
    harness_engine_finish(guest->engine);
}

/* The engine may not make its folder what the new QEMU could use: that is found when it is made. */
static void
files_that_cannot_be_labelled_end_the_upgrade(void **state)
{
    (void)state;
    HarnessGuest *guest = begin("stubborn_exec_t");
    g_autoptr(HarnessReply) reply =
        moult(guest->engine, "upgrade", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_outcome(reply, EXIT_FAILED, "rolled-back", "label-file", NULL);
    harness_guest_check_untouched(guest);
    check_label(guest, "system_u:system_r:stubborn_t:s0-s0:c0.c2");
    harness_engine_finish(guest->engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(label_stays),
        HARNESS_TEST(binary_that_the_policy_does_not_start_so_is_refused),
        HARNESS_TEST(label_that_cannot_be_read_is_refused),
        HARNESS_TEST(files_that_cannot_be_labelled_end_the_upgrade),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
