/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A replacement that is started with the attributes read from a process is like it.
 */
#include "process-helper.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "process/attributes.h"

static Launcher *launcher;

static ProcessAttributes *
read_attributes(pid_t pid)
{
    g_autoptr(GError) error = NULL;
    ProcessAttributes *attributes = process_attributes_read(pid, &error);

    assert_no_error(error);
    return attributes;
}

static void
check_equal(const LauncherAttributes *a, const LauncherAttributes *b)
{
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->n_groups, b->n_groups);
    assert_memory_equal(a->groups, b->groups, a->n_groups * sizeof(gid_t));
    assert_string_equal(a->cwd, b->cwd);
    assert_int_equal(a->umask, b->umask);
    assert_int_equal(a->nice, b->nice);
    assert_memory_equal(&a->scheduling, &b->scheduling, sizeof a->scheduling);
    assert_true(a->bounding_capabilities == b->bounding_capabilities);
    assert_true(a->ambient_capabilities == b->ambient_capabilities);
    assert_int_equal(a->no_new_privs, b->no_new_privs);
    assert_int_equal(a->oom_score_adj, b->oom_score_adj);
    assert_memory_equal(a->limits, b->limits, sizeof(struct rlimit) * RLIM_NLIMITS);
    assert_true(CPU_EQUAL(a->affinity, b->affinity));
    assert_true(g_strv_equal(a->cgroup_dirs, b->cgroup_dirs));
}

static char *
make_group(void)
{
    static const char *const hierarchies[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};

    for (size_t i = 0; i < G_N_ELEMENTS(hierarchies); i++) {
        g_autofree char *group = g_strdup_printf("%s/moult attributes %d", hierarchies[i], getpid());
        g_autofree char *procs = g_build_filename(group, "cgroup.procs", NULL);

        if (g_mkdir(group, 0755) == 0 && g_access(procs, W_OK) == 0)
            return g_steal_pointer(&group);
        g_rmdir(group);
    }
    return NULL;
}

static void
replacement_has_what_the_first_one_was_given(void **state)
{
    const gid_t groups[] = {4321, 4322, 4323};
    struct rlimit limits[RLIM_NLIMITS];
    cpu_set_t affinity;

    (void)state;
    if (geteuid() != 0)
        skip();
    for (int i = 0; i < RLIM_NLIMITS; i++)
        assert_int_equal(getrlimit(i, &limits[i]), 0);
    limits[RLIMIT_NOFILE] = (struct rlimit){77, 88};
    CPU_ZERO(&affinity);
    CPU_SET(0, &affinity);
    g_autofree char *group = make_group();
    const char *const dirs[] = {group, NULL};
    const LauncherAttributes given = {.set_ids = true,
                                      .uid = 4320,
                                      .gid = 4321,
                                      .groups = groups,
                                      .n_groups = G_N_ELEMENTS(groups),
                                      .cwd = "/usr",
                                      .set_umask = true,
                                      .umask = 0027,
                                      .set_nice = true,
                                      .nice = -3,
                                      .set_scheduling = true,
                                      .scheduling = {.policy = SCHED_BATCH, .nice = -3, .io_priority = 2 << 13 | 6,
                                                     .timer_slack_ns = 123456},
                                      .set_capabilities = true,
                                      .bounding_capabilities = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW,
                                      .ambient_capabilities = 1 << CAP_NET_ADMIN,
                                      .no_new_privs = true,
                                      .set_oom_score_adj = true,
                                      .oom_score_adj = 200,
                                      .cgroup_dirs = dirs,
                                      .limits = limits,
                                      .affinity = &affinity};
    LauncherChild first = helper_spawn_sleep(launcher, &given);
    g_autoptr(ProcessAttributes) of_first = read_attributes(first.identity.pid);
    LauncherChild second = helper_spawn_sleep(launcher, &of_first->launcher);
    g_autoptr(ProcessAttributes) of_second = read_attributes(second.identity.pid);
    helper_end_child(&first);
    helper_end_child(&second);
    if (group)
        assert_int_equal(g_rmdir(group), 0);
    check_equal(&of_first->launcher, &given);
    check_equal(&of_second->launcher, &given);
}

/* A group called like this test, in HIERARCHY; NULL where there is none to be had. Owned. */
static char *
make_group_in(const char *hierarchy)
{
    g_autofree char *group = g_strdup_printf("%s/moult-versions-%d", hierarchy, getpid());
    g_autofree char *procs = g_build_filename(group, "cgroup.procs", NULL);

    if (g_mkdir(group, 0755) == 0 && g_access(procs, W_OK) == 0)
        return g_steal_pointer(&group);
    g_rmdir(group);
    return NULL;
}

static char *
dup_cgroups(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", pid);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* Version 1 and version 2 at once, as on hosts in between. */
static void
control_groups_of_both_versions_are_shared(void **state)
{
    (void)state;
    g_autofree char *first = make_group_in("/sys/fs/cgroup/freezer"), *second = make_group_in("/sys/fs/cgroup/unified");

    if (!first || !second) {
        g_rmdir(first ? first : "");
        g_rmdir(second ? second : "");
        skip();
    }
    const char *const dirs[] = {first, second, NULL};
    LauncherChild one = helper_spawn_sleep(launcher, &(LauncherAttributes){.cgroup_dirs = dirs});
    g_autoptr(ProcessAttributes) attributes = read_attributes(one.identity.pid);
    LauncherChild other = helper_spawn_sleep(launcher, &attributes->launcher);
    g_autofree char *before = dup_cgroups(one.identity.pid), *after = dup_cgroups(other.identity.pid);
    helper_end_child(&one);
    helper_end_child(&other);
    assert_int_equal(g_rmdir(first), 0);
    assert_int_equal(g_rmdir(second), 0);
    assert_string_equal(before, after);
    assert_non_null(strstr(before, "freezer:/moult-versions"));
    assert_non_null(strstr(before, "0::/moult-versions"));
}

static void
own_attributes_name_no_control_group(void **state)
{
    (void)state;
    g_autoptr(ProcessAttributes) attributes = read_attributes(getpid());
    g_autofree char *cwd = g_get_current_dir();

    assert_null(attributes->launcher.cgroup_dirs[0]);
    assert_string_equal(attributes->launcher.cwd, cwd);
    assert_int_equal(attributes->launcher.namespaces_of, getpid());
}

static void
removed_working_directory_becomes_the_root(void **state)
{
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("moult-cwd-XXXXXX", NULL);
    const LauncherAttributes given = {.cwd = folder};
    LauncherChild child = helper_spawn_sleep(launcher, &given);

    assert_int_equal(g_rmdir(folder), 0);
    g_autoptr(ProcessAttributes) attributes = read_attributes(child.identity.pid);
    helper_end_child(&child);
    assert_string_equal(attributes->launcher.cwd, "/");
}

static void
dead_process_has_none(void **state)
{
    const LauncherAttributes plain = {0};

    (void)state;
    LauncherChild child = helper_spawn_sleep(launcher, &plain);
    helper_end_child(&child);
    g_autoptr(GError) error = NULL;
    assert_null(process_attributes_read(child.identity.pid, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE));
}

/* All of it as an engine without privileges, whose guest has been given more by root. */
static int
replace_unprivileged(pid_t guest)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ProcessAttributes) attributes = NULL;
    const char *const argv[] = {"sleep", "1000", NULL};
    LauncherRequest request = {
        .binary = "/bin/sleep", .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
    LauncherChild child;

    const struct rlimit low = {64, 64}; /* less than the guest has */
    if (setrlimit(RLIMIT_NOFILE, &low) < 0 || setgroups(0, NULL) < 0 || setgid(4321) < 0 || setuid(4320) < 0)
        return 2;
    Launcher *own = launcher_start(&error);
    if (own)
        attributes = process_attributes_read(guest, &error);
    if (attributes)
        request.attributes = attributes->launcher;
    if (!attributes || !launcher_spawn(own, &request, HELPER_TIMEOUT_MS, &child, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, NULL, NULL);
    launcher_free(own);
    return 0;
}

static void
unprivileged_engine_sets_what_it_can(void **state)
{
    struct rlimit limits[RLIM_NLIMITS];
    int status;

    (void)state;
    if (geteuid() != 0)
        skip();
    for (int i = 0; i < RLIM_NLIMITS; i++)
        assert_int_equal(getrlimit(i, &limits[i]), 0);
    g_autofree char *group = make_group();
    const char *const dirs[] = {group, NULL};
    const LauncherAttributes given = {.set_ids = true,
                                      .uid = 4320,
                                      .gid = 4321,
                                      .set_nice = true,
                                      .nice = -3,
                                      .cgroup_dirs = dirs,
                                      .limits = limits,
                                      .as_permitted = true};
    LauncherChild guest = helper_spawn_sleep(launcher, &given);
    pid_t engine = fork();
    if (engine == 0)
        _exit(replace_unprivileged(guest.identity.pid));
    assert_int_equal(waitpid(engine, &status, 0), engine);
    helper_end_child(&guest);
    if (group)
        assert_int_equal(g_rmdir(group), 0);
    assert_int_equal(status, 0);
}

static int
start(void **state)
{
    (void)state;
    launcher = launcher_start(NULL);
    return launcher ? 0 : -1;
}

static int
stop(void **state)
{
    (void)state;
    launcher_free(launcher);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replacement_has_what_the_first_one_was_given),
        cmocka_unit_test(control_groups_of_both_versions_are_shared),
        cmocka_unit_test(own_attributes_name_no_control_group),
        cmocka_unit_test(removed_working_directory_becomes_the_root),
        cmocka_unit_test(dead_process_has_none),
        cmocka_unit_test(unprivileged_engine_sets_what_it_can),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
