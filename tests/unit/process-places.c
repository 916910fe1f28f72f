/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the launcher puts a child: namespaces and control groups of another process. Needs root; skipped
 * without.
 */
#include "process-helper.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static Launcher *launcher;

/* A process in new namespaces that does nothing; 0 when the kernel does not give us these. */
static pid_t
start_holder(int flags)
{
    pid_t parent = getpid(), pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!(flags & CLONE_NEWPID) && getppid() != parent)
            _exit(0);
        while (true)
            pause();
    }
    return MAX(pid, 0);
}

static void
end_holder(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* What /proc/PID/ns/NAME points to, owned. */
static char *
namespace_of(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", pid, name);
    g_autoptr(GError) error = NULL;
    char *target = g_file_read_link(path, &error);

    assert_no_error(error);
    return target;
}

static void
check_namespaces(int flags, const LauncherAttributes *attributes)
{
    static const char *const names[] = {"mnt", "net", "ipc", "uts", "user", "cgroup", "pid"};
    pid_t holder = start_holder(flags);

    if (holder == 0)
        skip();
    LauncherAttributes inside = *attributes;
    inside.namespaces_of = holder;
    LauncherChild child = helper_spawn_sleep(launcher, &inside);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *wanted = namespace_of(holder, names[i]),
                        *actual = namespace_of(child.identity.pid, names[i]);

        assert_string_equal(actual, wanted);
    }
    helper_end_child(&child);

    /* The next one is outside again. */
    LauncherChild outside = helper_spawn_sleep(launcher, attributes);
    g_autofree char *own = namespace_of(getpid(), "pid"), *next = namespace_of(outside.identity.pid, "pid");
    assert_string_equal(next, own);
    helper_end_child(&outside);
    end_holder(holder);
}

static void
skip_unless_root(void)
{
    if (geteuid() != 0)
        skip();
}

static void
namespaces_of_a_process_are_joined(void **state)
{
    const LauncherAttributes plain = {0};

    (void)state;
    skip_unless_root();
    check_namespaces(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS, &plain);
}

static void
pid_namespace_is_joined(void **state)
{
    const LauncherAttributes plain = {0};

    (void)state;
    skip_unless_root();
    check_namespaces(CLONE_NEWPID | CLONE_NEWNS, &plain);
}

static void
namespaces_are_joined_by_another_user(void **state)
{
    const LauncherAttributes other = {.set_ids = true, .uid = 65534, .gid = 65534};

    (void)state;
    skip_unless_root();
    check_namespaces(CLONE_NEWNET | CLONE_NEWNS, &other);
}

static void
write_map(pid_t pid, const char *name, const char *text)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static char *
status_line(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid), *status = NULL;

    assert_true(g_file_get_contents(path, &status, NULL, NULL));
    char *line = strstr(status, name);
    assert_non_null(line);
    *strchr(line + 1, '\n') = '\0';
    return g_strdup(line + strlen(name));
}

/* The ids are the engine's view of them: 100123 outside is 123 inside. */
static void
user_namespace_is_joined_with_ids_as_seen_from_outside(void **state)
{
    const gid_t groups[] = {100300};
    LauncherAttributes attributes = {
        .set_ids = true, .uid = 100123, .gid = 100200, .groups = groups, .n_groups = G_N_ELEMENTS(groups)};
    pid_t holder;

    (void)state;
    skip_unless_root();
    holder = start_holder(CLONE_NEWUSER | CLONE_NEWNET);
    if (holder == 0)
        skip();
    write_map(holder, "uid_map", "0 100000 65536");
    write_map(holder, "gid_map", "0 100000 65536");
    attributes.namespaces_of = holder;
    LauncherChild child = helper_spawn_sleep(launcher, &attributes);
    g_autofree char *wanted = namespace_of(holder, "user"),
                    *actual = namespace_of(child.identity.pid, "user");
    g_autofree char *uids = status_line(child.identity.pid, "\nUid:\t"),
                    *gids = status_line(child.identity.pid, "\nGid:\t");
    g_autofree char *listed = status_line(child.identity.pid, "\nGroups:\t"),
                    *permitted = status_line(child.identity.pid, "\nCapPrm:\t");
    helper_end_child(&child);
    end_holder(holder);
    assert_string_equal(actual, wanted);
    assert_string_equal(uids, "100123\t100123\t100123\t100123");
    assert_string_equal(gids, "100200\t100200\t100200\t100200");
    assert_string_equal(g_strchomp(listed), "100300");
    assert_string_equal(permitted, "0000000000000000");
}

static void
same_namespaces_need_no_rights(void **state)
{
    const LauncherAttributes attributes = {.namespaces_of = getpid()};

    (void)state;
    LauncherChild child = helper_spawn_sleep(launcher, &attributes);
    helper_end_child(&child);
}

static void
namespaces_of_a_dead_process_fail_clearly(void **state)
{
    const char *const argv[] = {"true", NULL};
    pid_t dead = fork();

    (void)state;
    if (dead == 0)
        _exit(0);
    waitpid(dead, NULL, 0);
    const LauncherRequest request = {.binary = "/bin/true",
                                     .argv = argv,
                                     .stdin_fd = -1,
                                     .stdout_fd = -1,
                                     .log_fd = -1,
                                     .attributes = {.namespaces_of = dead}};
    g_autoptr(GError) error = NULL;
    LauncherChild child;
    assert_false(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_EXEC));
    assert_non_null(strstr(error->message, "join namespaces"));
}

/* --- control groups --- */

/* A new group below the first hierarchy where we may make one, owned; NULL when there is none. */
static char *
make_group(void)
{
    static const char *const hierarchies[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup",
                                              "/sys/fs/cgroup/freezer"};

    for (size_t i = 0; i < G_N_ELEMENTS(hierarchies); i++) {
        g_autofree char *group = g_strdup_printf("%s/moult-test-%d", hierarchies[i], getpid());
        g_autofree char *procs = g_build_filename(group, "cgroup.procs", NULL);

        if (g_mkdir(group, 0755) == 0 && g_access(procs, W_OK) == 0)
            return g_steal_pointer(&group);
        g_rmdir(group);
    }
    return NULL;
}

static void
control_group_is_joined(void **state)
{
    g_autofree char *group = make_group(), *cgroup_path = NULL, *cgroups = NULL;

    (void)state;
    if (!group)
        skip();
    const char *const dirs[] = {group, NULL};
    const LauncherAttributes attributes = {.cgroup_dirs = dirs};
    LauncherChild child = helper_spawn_sleep(launcher, &attributes);
    g_autofree char *name = g_path_get_basename(group);
    cgroup_path = g_strdup_printf("/proc/%d/cgroup", child.identity.pid);
    assert_true(g_file_get_contents(cgroup_path, &cgroups, NULL, NULL));
    helper_end_child(&child);
    assert_int_equal(g_rmdir(group), 0);
    assert_non_null(strstr(cgroups, name));
}

static void
missing_control_group_fails_clearly(void **state)
{
    const char *const argv[] = {"true", NULL}, *const dirs[] = {"/sys/fs/cgroup/moult-nonexistent", NULL};
    const LauncherRequest request = {.binary = "/bin/true",
                                     .argv = argv,
                                     .stdin_fd = -1,
                                     .stdout_fd = -1,
                                     .log_fd = -1,
                                     .attributes = {.cgroup_dirs = dirs}};
    g_autoptr(GError) error = NULL;
    LauncherChild child;

    (void)state;
    assert_false(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_EXEC));
    assert_non_null(strstr(error->message, "join the control group: No such file"));
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
        cmocka_unit_test(namespaces_of_a_process_are_joined),
        cmocka_unit_test(pid_namespace_is_joined),
        cmocka_unit_test(namespaces_are_joined_by_another_user),
        cmocka_unit_test(user_namespace_is_joined_with_ids_as_seen_from_outside),
        cmocka_unit_test(same_namespaces_need_no_rights),
        cmocka_unit_test(namespaces_of_a_dead_process_fail_clearly),
        cmocka_unit_test(control_group_is_joined),
        cmocka_unit_test(missing_control_group_fails_clearly),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
