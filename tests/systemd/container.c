/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container.h"

#define SKIP_STATUS 77
#define SYSTEMD "/lib/systemd/systemd"
#define CGROUPS "/sys/fs/cgroup"
#define CGROUPS_1 CGROUPS "/systemd" /* systemd's own hierarchy of version 1 */
#define WANT_1 "MOULT_TEST_CGROUP_1"
#define OUTER_CGROUPS "/run/outer" /* the whole tree, to make our part of it and to remove it again */
#define TARGET "moult-test.target"
#define BOOT_MS 60000
#define POLL_US 10000

/* ---- Outside ---- */

static _Noreturn void
die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    _exit(1);
}

static void
put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        die(path);
    close(fd);
}

static void
join(const char *folder)
{
    g_autofree char *procs = g_build_filename(folder, "cgroup.procs", NULL);

    put(procs, "0\n");
}

bool
container_has_version_1(void)
{
    return getenv(WANT_1) != NULL;
}

/* "0::/some/where" of /proc/self/cgroup. */
static char *
dup_own_cgroup(void)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL))
        die("/proc/self/cgroup");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, "0::/"))
            return g_build_filename(OUTER_CGROUPS, *line + strlen("0::"), NULL);
    return g_strdup(OUTER_CGROUPS);
}

/*
 * Of version 1, in the first namespace and at the top: hierarchies with controllers are made nowhere else. What systemd finds is what it
 * goes on with; other controllers it mounts by itself.
 */
static void
mount_version_1(void)
{
    static const char *const hierarchies[][2] = {
        {CGROUPS_1, "none,name=systemd"}, {CGROUPS "/memory", "memory"}, {CGROUPS "/pids", "pids"}};

    umount2(CGROUPS, MNT_DETACH);
    if (mount("tmpfs", CGROUPS, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755") < 0)
        die(CGROUPS);
    for (size_t i = 0; i < G_N_ELEMENTS(hierarchies); i++)
        if (mkdir(hierarchies[i][0], 0755) < 0 || mount("cgroup", hierarchies[i][0], "cgroup", 0, hierarchies[i][1]) < 0)
            die(hierarchies[i][0]);
}

/* Of version 2, a group of our own, and nothing above it to be seen. */
static void
mount_version_2(char **ret_home, char **ret_group)
{
    if (mkdir(OUTER_CGROUPS, 0700) < 0 || mount("cgroup2", OUTER_CGROUPS, "cgroup2", 0, NULL) < 0)
        die(OUTER_CGROUPS);
    *ret_home = dup_own_cgroup();
    *ret_group = g_strdup_printf("%s/moult-test-%d", *ret_home, getpid());
    if (mkdir(*ret_group, 0755) < 0)
        die(*ret_group);
    join(*ret_group);
    if (unshare(CLONE_NEWCGROUP) < 0)
        die("namespaces");
    umount2(CGROUPS, MNT_DETACH);
    if (mount("cgroup2", CGROUPS, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        die(CGROUPS);
}

/* A fresh /run, and control groups. RET_HOME, RET_GROUP: NULL where there is nothing to be put back. */
static void
prepare_mounts(char **ret_home, char **ret_group)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
        die("mounts");
    if (container_has_version_1())
        mount_version_1();
    else
        mount_version_2(ret_home, ret_group);
    if (unshare(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0)
        die("namespaces");
}

static _Noreturn void
become_systemd(void)
{
    static const char *const folders[] = {"/run/systemd", "/run/systemd/system", "/run/none", NULL};
    int null_fd = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        die("/proc");
    for (const char *const *folder = folders; *folder; folder++)
        mkdir(*folder, 0755);
    put("/run/systemd/system/" TARGET, "[Unit]\nDefaultDependencies=no\n");
    setenv("container", "moult-test", 1);
    setenv("SYSTEMD_GENERATOR_PATH", "/run/none", 1);
    setenv("SYSTEMD_ENVIRONMENT_GENERATOR_PATH", "/run/none", 1);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        dup2(null_fd, fd);
    execl(SYSTEMD, SYSTEMD, "--unit=" TARGET, "--log-target=null", "--show-status=no", NULL);
    _exit(127);
}

static _Noreturn void
become_tests(ContainerMain inside, int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int waited_us = 0; access("/run/systemd/private", F_OK) < 0; waited_us += POLL_US) {
        if (waited_us > BOOT_MS * 1000)
            die("systemd does not start");
        g_usleep(POLL_US);
    }
    if (container_has_version_1() && access(CGROUPS_1 "/init.scope", F_OK) < 0)
        die("systemd has control groups of another version");
    const char *group = container_has_version_1() ? CGROUPS_1 "/tests" : CGROUPS "/tests";
    mkdir(group, 0755);
    join(group);
    exit(inside(argc, argv));
}

static int
remove_group(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)ftw;
    if (type == FTW_DP)
        (void)!rmdir(path);
    return 0;
}

/* Until the tests' janitor has gone, too: it inherits the pipe. */
static int
await_tests(pid_t tests, int pipe_fd)
{
    int status = -1;
    char byte;

    if (waitpid(tests, &status, 0) != tests)
        return 1;
    (void)!read(pipe_fd, &byte, 1);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
run(ContainerMain inside, int argc, char **argv)
{
    g_autofree char *home = NULL, *group = NULL;
    int fds[2], status;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prepare_mounts(&home, &group);
    pid_t systemd = fork();
    if (systemd == 0)
        become_systemd();
    if (pipe2(fds, O_CLOEXEC) < 0)
        die("pipe");
    pid_t tests = fork();
    if (tests == 0)
        become_tests(inside, argc, argv);
    close(fds[1]);
    status = await_tests(tests, fds[0]);
    kill(systemd, SIGKILL); /* and with it whatever it has in its namespace */
    waitpid(systemd, NULL, 0);
    if (!group)
        return status;
    join(home);
    nftw(group, remove_group, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return status;
}

int
container_run(ContainerMain inside, int argc, char **argv)
{
    int status = -1;

    if (geteuid() != 0 || access(SYSTEMD, X_OK) < 0) {
        fprintf(stderr, "skipped: needs root, and " SYSTEMD "\n");
        return SKIP_STATUS;
    }
    pid_t pid = fork();
    /* Not exit(): LeakSanitizer would start a process, which there can be none of any more where systemd was the first. */
    if (pid == 0)
        _exit(run(inside, argc, argv));
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* ---- Inside ---- */

#define USER_RUNTIME "/run/user/0"
#define USER_MANAGER "user@0.service"

static char *
call(ContainerManager manager, const char *const *arguments)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "XDG_RUNTIME_DIR", USER_RUNTIME, TRUE);
    g_autoptr(GError) error = NULL;
    g_autofree char *messages = NULL;
    char *output = NULL;
    int status = -1;

    g_ptr_array_add(argv, (gpointer) "systemctl");
    g_ptr_array_add(argv, (gpointer)(manager == CONTAINER_USER ? "--user" : "--system"));
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, (gpointer)*arguments);
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_sync(NULL, (char **)argv->pdata, environment, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &messages, &status,
                      &error) ||
        !g_spawn_check_wait_status(status, &error))
        fail_msg("systemctl: %s: %s", error->message, messages);
    return output;
}

void
container_systemctl(ContainerManager manager, const char *verb, const char *unit)
{
    g_autofree char *output = call(manager, (const char *[]){verb, unit, NULL});
}

void
container_systemctl_begin(ContainerManager manager, const char *verb, const char *unit)
{
    g_autofree char *output = call(manager, (const char *[]){"--no-block", verb, unit, NULL});
}

static void
start_user_manager(void)
{
    static bool is_started;

    if (is_started)
        return;
    is_started = true;
    assert_int_equal(g_mkdir_with_parents(USER_RUNTIME "/systemd/user", 0700), 0);
    put(USER_RUNTIME "/systemd/user/" TARGET, "[Unit]\nDefaultDependencies=no\n");
    container_write_unit(CONTAINER_SYSTEM, USER_MANAGER,
                         "[Unit]\nDefaultDependencies=no\n[Service]\nType=notify\nDelegate=yes\nKillMode=mixed\n"
                         "Environment=XDG_RUNTIME_DIR=" USER_RUNTIME " HOME=/root SYSTEMD_GENERATOR_PATH=/run/none\n"
                         "Environment=SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/run/none\n"
                         "ExecStart=" SYSTEMD " --user --unit=" TARGET "\n");
    container_systemctl(CONTAINER_SYSTEM, "start", USER_MANAGER);
}

void
container_write_unit(ContainerManager manager, const char *name, const char *text)
{
    if (manager == CONTAINER_USER)
        start_user_manager();
    g_autofree char *path =
        g_build_filename(manager == CONTAINER_USER ? USER_RUNTIME "/systemd/user" : "/run/systemd/system", name, NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    container_systemctl(manager, "daemon-reload", NULL);
}

char *
container_dup_property(ContainerManager manager, const char *unit, const char *property)
{
    return g_strchomp(call(manager, (const char *[]){"show", "--value", "--property", property, unit, NULL}));
}

pid_t
container_get_main_pid(ContainerManager manager, const char *unit)
{
    g_autofree char *text = container_dup_property(manager, unit, "MainPID");

    return (pid_t)atoi(text);
}

void
container_await_property(ContainerManager manager, const char *unit, const char *property, const char *value)
{
    for (int waited_us = 0;; waited_us += POLL_US) {
        g_autofree char *found = container_dup_property(manager, unit, property);
        if (g_str_equal(found, value))
            return;
        if (waited_us > HARNESS_STEP_MS * 1000)
            fail_msg("%s of %s is %s, not %s", property, unit, found, value);
        g_usleep(POLL_US);
    }
}
