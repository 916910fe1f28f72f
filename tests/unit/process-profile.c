/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AppArmor profiles as kernels show them, and a label that cannot be given. */
#include "process-helper.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "process/profile.h"

static void
names_are_without_their_mode(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"unconfined\n", NULL},
        {"unconfined", NULL},
        {"", NULL},
        {"libvirt-7f0b1d0e-9a6b-4a57-8c66-3f3a90d2b0a4 (enforce)\n", "libvirt-7f0b1d0e-9a6b-4a57-8c66-3f3a90d2b0a4"},
        {"/usr/bin/qemu-system-x86_64 (complain)\n", "/usr/bin/qemu-system-x86_64"},
        {"my (vm) (kill)\n", "my (vm)"},
        {"a//&b (enforce)", "a//&b"},
        {"plain", "plain"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = process_profile_parse(cases[i].text);
        assert_true(g_strcmp0(name, cases[i].name) == 0);
    }
}

static void
kernel_without_apparmor_has_none(void **state)
{
    g_autoptr(GError) error = NULL;

    (void)state;
    if (access("/sys/module/apparmor/parameters/enabled", F_OK) == 0)
        skip();
    assert_null(process_profile_dup(getpid(), &error));
    assert_no_error(error);
}

/* What is not to be had is not left out: the child does not come to execute anything. */
static void
label_that_cannot_be_given_fails_clearly(void **state)
{
    static const LauncherAttributes cases[] = {{.exec_label = "system_u:system_r:no_such_t:s0:c1,c2"},
                                               {.exec_profile = "exec no-such-profile"}};
    Launcher *launcher = *state;
    const char *argv[4];

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        LauncherRequest request = helper_shell_request(argv, "exit 0");
        g_autoptr(GError) error = NULL;
        LauncherChild child;

        request.attributes = cases[i];
        assert_false(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
        assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_EXEC));
        assert_non_null(strstr(error->message, "set its security label"));
    }
}

static int
start(void **state)
{
    *state = launcher_start(NULL);
    return *state ? 0 : -1;
}

static int
stop(void **state)
{
    launcher_free(*state);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_without_their_mode),
        cmocka_unit_test(kernel_without_apparmor_has_none),
        cmocka_unit_test(label_that_cannot_be_given_fails_clearly),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
