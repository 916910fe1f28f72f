/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confinement cannot be undone, so each test runs in a child process of its own; the child says by its exit
 * code whether everything in it held, and on stderr what did not.
 */
#include "process-helper.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "process/confinement.h"
#include "process/proc.h"

/* In the child: cmocka's assertions jump into the parent's test, so a plain one. */
#define require(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);                \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

typedef void (*InChild)(void);

static void
apply(void)
{
    g_autoptr(GError) error = NULL;

    if (!confinement_apply(&error)) {
        fprintf(stderr, "%s\n", error->message);
        _exit(2);
    }
}

/* Exit code, or minus the signal. */
static int
run(InChild function)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        function();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
skip_without_filter(void)
{
    if (!confinement_has_filter())
        skip();
}

/* --- */

static void
do_ordinary_files(void)
{
    g_autofree char *folder = g_dir_make_tmp("moult-confined-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "file", NULL), *text = NULL;
    g_autofree char *other = g_build_filename(folder, "other", NULL);

    apply();
    require(g_file_set_contents(path, "text", 4, NULL));
    require(g_file_get_contents(path, &text, NULL, NULL));
    require(chmod(path, 0600) == 0 && link(path, other) == 0 && rename(other, path) == 0);
    require(unlink(other) == 0 && unlink(path) == 0 && rmdir(folder) == 0);
    require(getpwnam("root") && getpwnam("no such user") == NULL);
    close(memfd_create("x", MFD_CLOEXEC));
    struct passwd *entry = getpwuid(0);
    require(entry && g_date_time_new_now_local());
}

static void
files_and_accounts_work(void **state)
{
    (void)state;
    assert_int_equal(run(do_ordinary_files), 0);
}

static gpointer
report_no_new_privileges(gpointer data)
{
    (void)data;
    return GINT_TO_POINTER(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void
pooled(gpointer data, gpointer pool_data)
{
    (void)pool_data;
    eventfd_write(*(int *)data, 1);
}

static void
do_threads(void)
{
    int done_fd = eventfd(0, EFD_CLOEXEC);
    eventfd_t value;

    apply();
    require(GPOINTER_TO_INT(g_thread_join(g_thread_new("late", report_no_new_privileges, NULL))) == 1);
    GThreadPool *pool = g_thread_pool_new(pooled, NULL, 4, FALSE, NULL);
    require(g_thread_pool_push(pool, &done_fd, NULL));
    require(eventfd_read(done_fd, &value) == 0);
    g_thread_pool_free(pool, FALSE, TRUE);
}

static void
threads_can_be_created_afterwards(void **state)
{
    (void)state;
    assert_int_equal(run(do_threads), 0);
}

static gboolean
quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static void
do_main_loop(void)
{
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);

    apply();
    g_timeout_add(1, quit, loop);
    g_main_loop_run(loop);
    g_main_loop_unref(loop);
}

static void
main_loop_runs(void **state)
{
    (void)state;
    assert_int_equal(run(do_main_loop), 0);
}

static void
do_sockets(void)
{
    g_autofree char *folder = g_dir_make_tmp("moult-confined-XXXXXX", NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t size = sizeof(peer);

    apply();
    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    require(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 1) == 0);
    require(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    require(server >= 0 && getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
            peer.pid == getpid());
    require(unlink(address.sun_path) == 0 && rmdir(folder) == 0);
}

static void
unix_sockets_work(void **state)
{
    (void)state;
    assert_int_equal(run(do_sockets), 0);
}

static void
do_launch(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Launcher) launcher = launcher_start(&error);
    const char *const argv[] = {"sleep", "1000", NULL};
    LauncherRequest request = {
        .binary = "/bin/sleep", .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
    LauncherChild child;
    ProcessExit how;

    require(launcher);
    if (geteuid() == 0)
        request.attributes = (LauncherAttributes){.set_ids = true, .uid = 65534, .gid = 65534};
    apply();
    require(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    g_autofree char *status_path = g_strdup_printf("/proc/%d/status", child.identity.pid), *status = NULL;
    require(g_file_get_contents(status_path, &status, NULL, NULL));
    require(strstr(status, "\nSeccomp:\t0\n") && strstr(status, "\nNoNewPrivs:\t0\n"));
    /* What the engine does with a guest of another user. */
    g_auto(GStrv) environment = process_proc_dup_environ(child.identity.pid, &error);
    g_autoptr(GPtrArray) maps = process_proc_read_maps(child.identity.pid, &error);
    int fd = process_proc_fetch_fd(child.pidfd, 1, &error);
    require(environment && maps && fd >= 0);
    require(process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, &how, &error));
    require(how.signal == SIGKILL);
}

static void
guests_are_started_unconfined_and_can_be_managed(void **state)
{
    (void)state;
    assert_int_equal(run(do_launch), 0);
}

/* --- */

static void
do_forbidden(void)
{
    char *argv[] = {(char *)"true", NULL};

    apply();
    require(execv("/bin/true", argv) == -1 && errno == EPERM);
    require(fork() == -1 && errno == EPERM);
    require(vfork() == -1 && errno == EPERM);
    require(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM);
    require(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EPERM);
    require(syscall(SYS_unshare, 0x10000000) == -1 && errno == EPERM);
    require(syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == EPERM);
    require(setuid(geteuid()) == -1 && errno == EPERM);
}

static void
unlisted_calls_fail_with_eperm(void **state)
{
    (void)state;
    skip_without_filter();
    assert_int_equal(run(do_forbidden), 0);
}

static void
do_executable_memory(void)
{
    const size_t size = 4096;

    apply();
    require(mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED);
    void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(area != MAP_FAILED && mprotect(area, size, PROT_READ) == 0);
    require(mprotect(area, size, PROT_READ | PROT_EXEC) == -1 && errno == EPERM);
    int library = open("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* as dlopen does */
    require(mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, library, 0) != MAP_FAILED);
}

static void
memory_is_never_writable_and_executable(void **state)
{
    (void)state;
    skip_without_filter();
    assert_int_equal(run(do_executable_memory), 0);
}

static void
do_ptrace(void)
{
    apply();
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
do_mount(void)
{
    apply();
    syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static void
hostile_calls_kill(void **state)
{
    (void)state;
    skip_without_filter();
    assert_int_equal(run(do_ptrace), -SIGSYS);
    assert_int_equal(run(do_mount), -SIGSYS);
}

static void
do_early_thread(void)
{
    int go_fd = eventfd(0, EFD_CLOEXEC);
    eventfd_t value;

    /* Unprivileged threads may exist before: the filter reaches them. */
    require(confinement_drop_capabilities(NULL));
    GThread *thread = g_thread_new("early", (GThreadFunc)report_no_new_privileges, NULL);
    g_thread_join(thread);
    GThreadPool *pool = g_thread_pool_new(pooled, NULL, 1, FALSE, NULL);
    g_thread_pool_push(pool, &go_fd, NULL);
    require(eventfd_read(go_fd, &value) == 0); /* its thread stays around */
    apply();
    g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
    const char *task;
    int n_tasks = 0;
    while ((task = g_dir_read_name(tasks))) {
        g_autofree char *path = g_strdup_printf("/proc/self/task/%s/status", task), *status = NULL;

        require(g_file_get_contents(path, &status, NULL, NULL));
        require(strstr(status, "\nSeccomp:\t2\n") && strstr(status, "\nNoNewPrivs:\t1\n"));
        n_tasks++;
    }
    require(n_tasks >= 2);
}

static void
threads_from_before_are_filtered_too(void **state)
{
    (void)state;
    skip_without_filter();
    assert_int_equal(run(do_early_thread), 0);
}

static void
do_log(void)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 42", NULL};

    g_setenv("MOULT_SECCOMP", "log", TRUE);
    apply();
    execv("/bin/sh", argv);
}

static void
log_mode_refuses_nothing(void **state)
{
    (void)state;
    skip_without_filter();
    assert_int_equal(run(do_log), 42);
}

static void
do_off(void)
{
    g_setenv("MOULT_SECCOMP", "off", TRUE);
    apply();
    require(prctl(PR_GET_SECCOMP) == 0);
    require(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void
off_mode_has_no_filter(void **state)
{
    (void)state;
    assert_int_equal(run(do_off), 0);
}

static void
do_typo(void)
{
    g_setenv("MOULT_SECCOMP", "offf", TRUE);
    require(!confinement_apply(NULL));
    require(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static void
unknown_mode_is_refused(void **state)
{
    (void)state;
    assert_int_equal(run(do_typo), 0);
}

/* --- */

static guint64
read_set(const char *name)
{
    g_autofree char *status = NULL;

    require(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    const char *line = strstr(status, name);
    require(line);
    return g_ascii_strtoull(line + strlen(name), NULL, 16);
}

#define BIT(capability) ((guint64)1 << (capability))
#define KEPT                                                                                                 \
    (BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_KILL) |        \
     BIT(CAP_SYS_NICE))

static void
do_capabilities(void)
{
    guint64 had = read_set("CapPrm:\t");

    apply();
    require(read_set("CapPrm:\t") == (had & KEPT));
    require(read_set("CapEff:\t") == (had & KEPT));
    require(read_set("CapBnd:\t") == (had & KEPT));
    require(read_set("CapInh:\t") == 0 && read_set("CapAmb:\t") == 0);
    g_autoptr(GError) error = NULL;
    require(confinement_drop_capabilities(&error)); /* again: nothing to do */
}

static void
capabilities_are_dropped_from_all_sets(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(run(do_capabilities), 0);
}

static gpointer
wait_for_ever(gpointer data)
{
    eventfd_t value;

    eventfd_read(*(int *)data, &value);
    return NULL;
}

static void
do_privileged_thread(void)
{
    int never_fd = eventfd(0, EFD_CLOEXEC);
    g_autoptr(GError) error = NULL;

    g_thread_unref(g_thread_new("early", wait_for_ever, &never_fd));
    require(!confinement_apply(&error));
    require(strstr(error->message, "before they were dropped"));
}

static void
thread_that_kept_capabilities_is_noticed(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(run(do_privileged_thread), 0);
}

static void
do_unprivileged(void)
{
    require(setgid(65534) == 0 && setuid(65534) == 0);
    apply();
    require(read_set("CapPrm:\t") == 0);
    require(!confinement_has_filter() || prctl(PR_GET_SECCOMP) == 2);
}

static void
engine_without_capabilities_is_confined_too(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(run(do_unprivileged), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_accounts_work),
        cmocka_unit_test(threads_can_be_created_afterwards),
        cmocka_unit_test(main_loop_runs),
        cmocka_unit_test(unix_sockets_work),
        cmocka_unit_test(guests_are_started_unconfined_and_can_be_managed),
        cmocka_unit_test(unlisted_calls_fail_with_eperm),
        cmocka_unit_test(memory_is_never_writable_and_executable),
        cmocka_unit_test(hostile_calls_kill),
        cmocka_unit_test(threads_from_before_are_filtered_too),
        cmocka_unit_test(log_mode_refuses_nothing),
        cmocka_unit_test(off_mode_has_no_filter),
        cmocka_unit_test(unknown_mode_is_refused),
        cmocka_unit_test(capabilities_are_dropped_from_all_sets),
        cmocka_unit_test(thread_that_kept_capabilities_is_noticed),
        cmocka_unit_test(engine_without_capabilities_is_confined_too),
    };

    g_unsetenv("MOULT_SECCOMP");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
