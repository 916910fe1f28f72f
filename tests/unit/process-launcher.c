/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process-helper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "process/proc.h"

static Launcher *launcher;

static void
child_is_ours_and_reports_its_exit_code(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "echo $PPID; exit 7");
    g_autofree char *self = g_strdup_printf("%d\n", getpid());
    ProcessExit how;
    g_autofree char *output = helper_run(launcher, &request, &how);

    assert_string_equal(output, self);
    assert_true(how.known);
    assert_int_equal(how.exit_code, 7);
    assert_int_equal(how.signal, 0);
}

static void
killed_child_reports_its_signal(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exec sleep 1000");
    g_autoptr(GError) error = NULL;
    LauncherChild child;
    ProcessExit how;

    assert_true(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_false(process_has_exited(child.pidfd));
    assert_true(process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, &how, &error));
    assert_true(how.known);
    assert_int_equal(how.signal, SIGKILL);
    assert_int_equal(how.exit_code, -1);
    assert_true(process_has_exited(child.pidfd));
    /* Again: it has been reaped, which is all that can be known now. */
    assert_true(process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, &how, &error));
    assert_false(how.known);
    assert_int_equal(kill(child.identity.pid, 0), -1);
    close(child.pidfd);
}

static void
missing_binary_names_the_step(void **state)
{
    (void)state;
    const char *const argv[] = {"nothing", NULL};
    LauncherRequest request = {
        .binary = "/nonexistent/qemu", .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
    g_autoptr(GError) error = NULL;
    LauncherChild child = {.pidfd = -42};

    assert_false(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_EXEC));
    assert_non_null(strstr(error->message, "cannot execute it: No such file"));
    assert_int_equal(child.pidfd, -42);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* the launcher is the only child left */
}

static void
failing_attribute_names_the_step(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exit 0");
    g_autoptr(GError) error = NULL;
    LauncherChild child;

    request.attributes.cwd = "/nonexistent";
    assert_false(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_EXEC));
    assert_non_null(strstr(error->message, "working directory"));
}

/* Numbers chosen so that each descriptor's own number is another one's target, and one target is far away. */
static void
descriptors_are_renumbered_without_clobbering(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request =
        helper_shell_request(argv, "cat /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/5 /dev/fd/900");
    LauncherFd fds[4];
    ProcessExit how;
    const char *const content[] = {"three ", "four ", "five ", "far"};
    const int numbers[] = {3, 4, 5, 900};

    for (int i = 0; i < 4; i++) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        assert_int_equal(write(fd, content[i], strlen(content[i])), (ssize_t)strlen(content[i]));
        fds[3 - i] = (LauncherFd){.fd = fd, .number = numbers[i]};
    }
    request.fds = fds;
    request.n_fds = 4;
    g_autofree char *output = helper_run(launcher, &request, &how);
    assert_string_equal(output, "three four five far");
    for (int i = 0; i < 4; i++)
        close(fds[i].fd);
}

static void
child_has_no_other_descriptors(void **state)
{
    (void)state;
    int leaked = open("/dev/zero", O_RDONLY); /* not CLOEXEC, and open in the engine */
    /* `ls` opens the folder itself: that is 3. */
    g_autofree char *output = helper_run_shell(launcher, "ls /proc/self/fd");

    assert_string_equal(output, "0\n1\n2\n3\n");
    close(leaked);
}

static void
two_hundred_descriptors_arrive(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request =
        helper_shell_request(argv, "for n in 3 202 242; do [ -e /dev/fd/$n ] && echo $n; done");
    LauncherFd fds[LAUNCHER_MAX_FDS];
    ProcessExit how;
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (int i = 0; i < LAUNCHER_MAX_FDS; i++)
        fds[i] = (LauncherFd){.fd = null_fd, .number = i + 3};
    request.fds = fds;
    request.n_fds = LAUNCHER_MAX_FDS;
    g_autofree char *output = helper_run(launcher, &request, &how);
    assert_string_equal(output, "3\n202\n242\n");
    close(null_fd);
}

static void
duplicate_descriptor_numbers_are_refused(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exit 0");
    LauncherFd fds[] = {{.fd = 0, .number = 5}, {.fd = 0, .number = 5}};
    g_autoptr(GError) error = NULL;
    LauncherChild child;

    request.fds = fds;
    request.n_fds = 2;
    assert_false(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_FAILED));
}

static void
megabyte_of_arguments_and_environment_arrives(void **state)
{
    (void)state;
    const char *argv[] = {"sh", "-c", "echo ${#1} ${#LAST}", "sh", NULL, NULL};
    g_autofree char *argument = g_strnfill(120000, 'a');
    const char *envp[10] = {NULL};
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
    LauncherRequest request = {
        .binary = "/bin/sh", .argv = argv, .envp = envp, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
    ProcessExit how;

    argv[4] = argument;
    for (int i = 0; i < 8; i++) {
        g_autofree char *value = g_strnfill(100000, 'e');

        g_ptr_array_add(strings, g_strdup_printf("%s%d=%s", i == 7 ? "LAST=x" : "V", i, value));
        envp[i] = g_ptr_array_index(strings, i);
    }
    g_autofree char *output = helper_run(launcher, &request, &how);
    assert_string_equal(output, "120000 100003\n");
}

static void
environment_is_the_engines_at_start_by_default(void **state)
{
    (void)state;
    g_setenv("LAUNCHER_TEST_LATER", "set after the launcher", TRUE);
    g_autofree char *output = helper_run_shell(launcher, "echo $LAUNCHER_TEST_BEFORE-$LAUNCHER_TEST_LATER");

    assert_string_equal(output, "before-\n");
}

static void
signals_are_reset(void **state)
{
    (void)state;
    const char *const argv[] = {"cat", "/proc/self/status", NULL};
    LauncherRequest request = {.binary = "/bin/cat", .argv = argv, .stdin_fd = -1, .stdout_fd = -1};
    ProcessExit how;
    g_autofree char *output = helper_run(launcher, &request, &how);

    assert_non_null(strstr(output, "\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
}

static void
child_leads_its_own_session(void **state)
{
    (void)state;
    /* Fields 1, 5 and 6 of stat: pid, process group, session. */
    g_autofree char *output = helper_run_shell(
        launcher,
        "read pid a b c pgrp session rest </proc/$$/stat; echo $((pid-$$)) $((pgrp-$$)) $((session-$$))");

    assert_string_equal(output, "0 0 0\n");
}

static void
attributes_are_applied(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request =
        helper_shell_request(argv, "pwd; umask; nice; cat /proc/self/oom_score_adj; ulimit -n; ulimit -c; "
                                   "taskset -p $$ | sed 's/.*: //'");
    struct rlimit limits[RLIM_NLIMITS];
    cpu_set_t affinity;
    ProcessExit how;

    for (int i = 0; i < RLIM_NLIMITS; i++)
        assert_int_equal(getrlimit(i, &limits[i]), 0);
    limits[RLIMIT_NOFILE].rlim_cur = 77;
    limits[RLIMIT_CORE] = (struct rlimit){0, 0};
    CPU_ZERO(&affinity);
    CPU_SET(0, &affinity);
    request.attributes = (LauncherAttributes){.cwd = "/usr",
                                              .set_umask = true,
                                              .umask = 0027,
                                              .set_nice = true,
                                              .nice = 5,
                                              .set_oom_score_adj = true,
                                              .oom_score_adj = 123,
                                              .limits = limits,
                                              .affinity = &affinity};
    g_autofree char *output = helper_run(launcher, &request, &how);
    assert_string_equal(output, "/usr\n0027\n5\n123\n77\n0\n1\n");
}

static void
descriptor_limit_is_the_engines_by_default(void **state)
{
    (void)state;
    struct rlimit own;
    g_autofree char *output = helper_run_shell(launcher, "ulimit -Sn");

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &own), 0);
    assert_int_equal(g_ascii_strtoull(output, NULL, 10), own.rlim_cur);
}

static void
ids_and_groups_are_set(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request =
        helper_shell_request(argv, "id -u; id -g; id -G; grep CapEff /proc/self/status");
    const gid_t groups[] = {4321, 4322};
    ProcessExit how;

    if (geteuid() != 0)
        skip();
    request.attributes = (LauncherAttributes){
        .set_ids = true, .uid = 65534, .gid = 4320, .groups = groups, .n_groups = G_N_ELEMENTS(groups)};
    g_autofree char *output = helper_run(launcher, &request, &how);
    assert_string_equal(output, "65534\n4320\n4320 4321 4322\nCapEff:\t0000000000000000\n");
}

static bool
refuse(const ProcessIdentity *identity, void *data, GError **error)
{
    ProcessIdentity *seen = data;

    *seen = *identity;
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "cannot write it down");
    return false;
}

static void
child_that_before_exec_refuses_never_runs(void **state)
{
    (void)state;
    g_autofree char *witness = g_strdup_printf("%s/moult-test-%d", g_get_tmp_dir(), getpid());
    g_autofree char *script = g_strdup_printf("touch %s", witness);
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, script);
    g_autoptr(GError) error = NULL;
    ProcessIdentity seen = {0};
    LauncherChild child;

    request.before_exec = refuse;
    request.before_exec_data = &seen;
    assert_false(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC));
    assert_true(seen.pid > 0 && seen.start_time > 0);
    assert_int_equal(kill(seen.pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(access(witness, F_OK), -1);
}

static void
identity_is_that_of_the_running_child(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exec sleep 1000");
    g_autoptr(GError) error = NULL;
    ProcessIdentity read_back;
    LauncherChild child;

    assert_true(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(process_identity_read(child.identity.pid, &read_back, &error));
    assert_true(process_identity_equal(&child.identity, &read_back));
    g_auto(GStrv) cmdline = process_proc_dup_cmdline(child.identity.pid, &error);
    assert_non_null(cmdline); /* of the shell or already of sleep: exec had succeeded when spawn returned */
    assert_true(process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, NULL, &error));
    close(child.pidfd);
}

/* The shell's child holds the pipe too: its end is seen there. */
static void
group_is_killed_with_its_leader(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "sleep 1000 & echo started; wait");
    g_autoptr(GError) error = NULL;
    LauncherChild child;
    int ends[2];
    char byte;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    request.log_fd = ends[1];
    assert_true(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1); /* it has been started */
    assert_true(process_kill_group_and_reap(child.pidfd, child.identity.pid, HELPER_TIMEOUT_MS, NULL, &error));
    g_autofree char *rest = helper_read_all(ends[0]);
    assert_string_equal(rest, "tarted\n");
    close(child.pidfd);
}

/* A binary on a file system that does not answer: a FIFO as the interpreter is not that, so the hook takes
 * the time. */
static bool
take_long(const ProcessIdentity *identity, void *data, GError **error)
{
    struct pollfd never = {.fd = *(int *)data, .events = POLLIN};

    (void)identity;
    (void)error;
    return poll(&never, 1, 100) == 0;
}

static void
timed_out_child_is_killed(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exec sleep 1000");
    g_autoptr(GError) error = NULL;
    LauncherChild child;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    request.before_exec = take_long;
    request.before_exec_data = &ends[0];
    /* The deadline passes inside the hook. Whether exec is seen before the clock is looked at is a race, so
     * both ways of ending are allowed; a child left behind is not. */
    if (launcher_spawn(launcher, &request, 50, &child, &error)) {
        process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, NULL, NULL);
        close(child.pidfd);
    } else {
        assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT));
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
    close(ends[0]);
    close(ends[1]);
}

#define THREADS 8
#define SPAWNS_EACH 12

static gpointer
spawn_many(gpointer data)
{
    int own = GPOINTER_TO_INT(data);

    for (int i = 0; i < SPAWNS_EACH; i++) {
        g_autofree char *expected = g_strdup_printf("%d %d", own, i);
        const char *argv[] = {"printf", "%s", expected, NULL};
        LauncherRequest request = {
            .binary = "/usr/bin/printf", .argv = argv, .stdin_fd = -1, .stdout_fd = -1};
        ProcessExit how;
        g_autofree char *output = helper_run(launcher, &request, &how);

        if (!how.known || how.exit_code != 0 || strcmp(output, expected) != 0)
            return NULL;
    }
    return data;
}

static void
concurrent_spawns_do_not_mix(void **state)
{
    (void)state;
    GThread *threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("spawn", spawn_many, GINT_TO_POINTER(i + 1));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(GPOINTER_TO_INT(g_thread_join(threads[i])), i + 1);
}

static void
script_keeps_the_identity_across_its_exec(void **state)
{
    (void)state;
    g_autofree char *path = g_strdup_printf("%s/moult-wrapper-%d", g_get_tmp_dir(), getpid());
    const char *const argv[] = {path, "1000", NULL};
    LauncherRequest request = {.binary = path, .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
    g_autoptr(GError) error = NULL;
    ProcessIdentity now;
    LauncherChild child;

    assert_true(g_file_set_contents(path, "#!/bin/sh\nexec sleep \"$@\"\n", -1, &error));
    assert_int_equal(chmod(path, 0755), 0);
    assert_true(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(process_identity_read(child.identity.pid, &now, &error));
    assert_true(process_identity_equal(&child.identity, &now));
    assert_true(process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, NULL, &error));
    close(child.pidfd);
    unlink(path);
}

static void
children_outlive_the_launcher_and_its_end_is_noticed(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exec sleep 1000");
    g_autoptr(GError) error = NULL;
    LauncherChild child;
    ProcessExit how;
    /* A launcher of its own; this test is the last one, the threads of the others are joined. */
    Launcher *own = launcher_start(&error);

    assert_no_error(error);
    assert_true(launcher_spawn(own, &request, HELPER_TIMEOUT_MS, &child, &error));
    launcher_free(own);
    assert_false(process_has_exited(child.pidfd));
    assert_true(process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, &how, &error));
    assert_true(how.known);
    close(child.pidfd);
}

/* --- the engine's end --- */

typedef void (*Engine)(Launcher *own, int to_test_fd, int from_test_fd);

/*
 * Runs ENGINE in a process of its own. It sends the identity of what it has started, and ends once the test
 * has opened that (or when it likes). Returns the pidfd, -1 when the process was gone by then.
 */
static int
open_what_engine_leaves(Engine engine)
{
    int to_test[2], from_test[2], status;
    ProcessIdentity identity;

    assert_int_equal(pipe2(to_test, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from_test, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(from_test[1]); /* or it would wait for itself */
        engine(launcher_start(NULL), to_test[1], from_test[0]);
        _exit(0);
    }
    close(to_test[1]);
    assert_int_equal(read(to_test[0], &identity, sizeof(identity)), sizeof(identity));
    int pidfd = process_identity_open(&identity, NULL);
    close(from_test[0]);
    close(from_test[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(to_test[0]);
    return pidfd;
}

static bool
send_identity(const ProcessIdentity *identity, void *data, GError **error)
{
    (void)error;
    return write(*(int *)data, identity, sizeof(*identity)) == sizeof(*identity);
}

static void
start_sleep(Launcher *own, bool die_with_engine, int to_test_fd, int from_test_fd)
{
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exec sleep 1000");
    LauncherChild child;
    char end;

    request.attributes.die_with_engine = die_with_engine;
    request.before_exec = send_identity;
    request.before_exec_data = &to_test_fd;
    if (!launcher_spawn(own, &request, HELPER_TIMEOUT_MS, &child, NULL) || read(from_test_fd, &end, 1) != 0)
        _exit(1);
}

static void
start_guest(Launcher *own, int to_test_fd, int from_test_fd)
{
    start_sleep(own, false, to_test_fd, from_test_fd);
}

static void
start_helper(Launcher *own, int to_test_fd, int from_test_fd)
{
    start_sleep(own, true, to_test_fd, from_test_fd);
}

static void
guest_survives_the_engine(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    int pidfd = open_what_engine_leaves(start_guest);

    assert_true(pidfd >= 0);
    /* No event tells of nothing happening; the helper below takes less than a millisecond to go. */
    assert_false(process_wait_exit(pidfd, 100, -1, NULL, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT));
    assert_true(process_kill_and_reap(pidfd, HELPER_TIMEOUT_MS, NULL, NULL));
    close(pidfd);
}

static void
helper_dies_with_the_engine(void **state)
{
    (void)state;
    ProcessExit how;
    int pidfd = open_what_engine_leaves(start_helper);

    assert_true(pidfd >= 0);
    assert_true(process_wait_exit(pidfd, HELPER_TIMEOUT_MS, -1, &how, NULL));
    assert_false(how.known); /* not our child */
    close(pidfd);
}

static bool
send_identity_and_die(const ProcessIdentity *identity, void *data, GError **error)
{
    send_identity(identity, data, error);
    _exit(0);
}

static char *witness_path;

static void
die_before_exec(Launcher *own, int to_test_fd, int from_test_fd)
{
    g_autofree char *script = g_strdup_printf("touch %s; exec sleep 1000", witness_path);
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, script);
    LauncherChild child;

    (void)from_test_fd;
    request.before_exec = send_identity_and_die;
    request.before_exec_data = &to_test_fd;
    launcher_spawn(own, &request, HELPER_TIMEOUT_MS, &child, NULL);
    _exit(1);
}

static void
child_whose_engine_dies_before_exec_never_runs(void **state)
{
    (void)state;
    witness_path = g_strdup_printf("%s/moult-witness-%d", g_get_tmp_dir(), getpid());
    int pidfd = open_what_engine_leaves(die_before_exec);

    if (pidfd >= 0) {
        assert_true(process_wait_exit(pidfd, HELPER_TIMEOUT_MS, -1, NULL, NULL));
        close(pidfd);
    }
    assert_int_equal(access(witness_path, F_OK), -1);
    g_clear_pointer(&witness_path, g_free);
}

/* Finds the launcher among our children by its name and kills it. */
static void
spawn_without_launcher_fails_clearly(void **state)
{
    (void)state;
    const char *argv[4];
    LauncherRequest request = helper_shell_request(argv, "exit 0");
    g_autoptr(GError) error = NULL;
    g_autofree char *children_path = g_strdup_printf("/proc/self/task/%d/children", getpid());
    g_autofree char *children = NULL, *comm_path = NULL, *comm = NULL;
    Launcher *own = launcher_start(&error);
    LauncherChild child;

    assert_no_error(error);
    g_free(helper_run_shell(own, "exit 0")); /* it serves, so it has its name */
    assert_true(g_file_get_contents(children_path, &children, NULL, &error));
    pid_t pid = (pid_t)g_ascii_strtoull(strrchr(g_strchomp(children), ' ') + 1, NULL, 10); /* the youngest */
    comm_path = g_strdup_printf("/proc/%d/comm", pid);
    assert_true(g_file_get_contents(comm_path, &comm, NULL, &error));
    assert_string_equal(comm, "moult-launcher\n");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, NULL, WEXITED), 0);
    assert_false(launcher_spawn(own, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_LAUNCHER));
    launcher_free(own);
}

static int
start(void **state)
{
    g_autoptr(GError) error = NULL;

    (void)state;
    g_setenv("LAUNCHER_TEST_BEFORE", "before", TRUE);
    launcher = launcher_start(&error);
    if (!launcher)
        print_error("%s\n", error->message);
    return launcher ? 0 : -1;
}

static int
stop(void **state)
{
    (void)state;
    launcher_free(launcher);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1; /* nothing is left */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_is_ours_and_reports_its_exit_code),
        cmocka_unit_test(killed_child_reports_its_signal),
        cmocka_unit_test(missing_binary_names_the_step),
        cmocka_unit_test(failing_attribute_names_the_step),
        cmocka_unit_test(descriptors_are_renumbered_without_clobbering),
        cmocka_unit_test(child_has_no_other_descriptors),
        cmocka_unit_test(two_hundred_descriptors_arrive),
        cmocka_unit_test(duplicate_descriptor_numbers_are_refused),
        cmocka_unit_test(megabyte_of_arguments_and_environment_arrives),
        cmocka_unit_test(environment_is_the_engines_at_start_by_default),
        cmocka_unit_test(signals_are_reset),
        cmocka_unit_test(child_leads_its_own_session),
        cmocka_unit_test(attributes_are_applied),
        cmocka_unit_test(descriptor_limit_is_the_engines_by_default),
        cmocka_unit_test(ids_and_groups_are_set),
        cmocka_unit_test(child_that_before_exec_refuses_never_runs),
        cmocka_unit_test(identity_is_that_of_the_running_child),
        cmocka_unit_test(group_is_killed_with_its_leader),
        cmocka_unit_test(timed_out_child_is_killed),
        cmocka_unit_test(concurrent_spawns_do_not_mix),
        cmocka_unit_test(script_keeps_the_identity_across_its_exec),
        cmocka_unit_test(children_outlive_the_launcher_and_its_end_is_noticed),
        cmocka_unit_test(guest_survives_the_engine),
        cmocka_unit_test(helper_dies_with_the_engine),
        cmocka_unit_test(child_whose_engine_dies_before_exec_never_runs),
        cmocka_unit_test(spawn_without_launcher_fails_clearly),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
