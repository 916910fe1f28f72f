/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process-helper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "process/proc.h"

/* A pid that was somebody's a moment ago. */
static pid_t
dead_pid(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    return pid;
}

static void
identity_of_self_can_be_opened(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    ProcessIdentity self;
    int pidfd;

    assert_true(process_identity_read(getpid(), &self, &error));
    pidfd = process_identity_open(&self, &error);
    assert_true(pidfd >= 0);
    assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
    assert_false(process_has_exited(pidfd));
    close(pidfd);
}

static void
pid_of_another_start_time_is_gone(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    ProcessIdentity other;

    assert_true(process_identity_read(getpid(), &other, &error));
    other.start_time--;
    assert_int_equal(process_identity_open(&other, &error), -1);
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE));
}

static void
dead_process_is_gone(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    ProcessIdentity identity = {.pid = dead_pid(), .start_time = 1};

    assert_int_equal(process_identity_open(&identity, &error), -1);
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE));
    g_clear_error(&error);
    assert_null(process_proc_dup_cmdline(identity.pid, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE));
}

static void
start_time_is_found_behind_a_hostile_name(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    ProcessIdentity plain, renamed;
    char name[16] = {0};

    assert_true(process_identity_read(getpid(), &plain, &error));
    g_autofree char *saved = NULL;
    assert_true(g_file_get_contents("/proc/self/comm", &saved, NULL, &error));
    FILE *comm = fopen("/proc/self/comm", "w");
    snprintf(name, sizeof(name), ") R 1 1 (1) 2 ");
    fputs(name, comm);
    fclose(comm);
    assert_true(process_identity_read(getpid(), &renamed, &error));
    assert_true(process_identity_equal(&plain, &renamed));
    g_file_set_contents("/proc/self/comm", saved, -1, NULL);
}

static void
boot_id_has_the_kernels_form(void **state)
{
    (void)state;
    assert_int_equal(strlen(process_boot_id()), 36);
    assert_ptr_equal(process_boot_id(), process_boot_id());
}

static void
wait_times_out_and_is_cancelled(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    ProcessIdentity self;
    ProcessExit how = {.exit_code = 42};
    int pidfd, cancel_fd = eventfd(1, EFD_CLOEXEC);

    assert_true(process_identity_read(getpid(), &self, &error));
    pidfd = process_identity_open(&self, &error);
    assert_false(process_wait_exit(pidfd, 1, -1, &how, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT));
    g_clear_error(&error);
    assert_false(process_wait_exit(pidfd, HELPER_TIMEOUT_MS, cancel_fd, &how, &error));
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_CANCELLED));
    assert_int_equal(how.exit_code, 42);
    close(pidfd);
    close(cancel_fd);
}

static void
core_dump_is_told_from_a_plain_signal(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    ProcessIdentity identity;
    ProcessExit how;
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        raise(SIGTERM);
        _exit(0);
    }
    assert_true(process_identity_read(pid, &identity, &error));
    int pidfd = process_identity_open(&identity, &error);
    assert_true(process_wait_exit(pidfd, HELPER_TIMEOUT_MS, -1, &how, &error));
    assert_int_equal(how.signal, SIGTERM);
    assert_false(how.core_dumped);
    close(pidfd);
}

static void
cmdline_and_environ_come_back_to_the_letter(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(Launcher) launcher = launcher_start(&error);
    const char *argv[] = {"sleep", "1000", NULL};
    const char *const envp[] = {"A=1", "EMPTY=", "LAST=x y", NULL};
    LauncherRequest request = {.binary = "/bin/sleep",
                               .argv = argv,
                               .envp = envp,
                               .stdin_fd = -1,
                               .stdout_fd = -1,
                               .log_fd = -1,
                               .attributes = {.cwd = "/usr"}};
    LauncherChild child;
    bool deleted = true;

    assert_no_error(error);
    assert_true(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    g_auto(GStrv) cmdline = process_proc_dup_cmdline(child.identity.pid, &error);
    g_auto(GStrv) environment = process_proc_dup_environ(child.identity.pid, &error);
    g_autofree char *exe = process_proc_dup_exe(child.identity.pid, &deleted, &error);
    g_autofree char *cwd = process_proc_dup_cwd(child.identity.pid, &error);
    assert_true(g_strv_equal((const char *const *)cmdline, argv));
    assert_true(g_strv_equal((const char *const *)environment, envp));
    assert_string_equal(cwd, "/usr");
    assert_true(g_str_has_suffix(exe, "/bin/sleep"));
    assert_false(deleted);
    assert_true(process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, NULL, &error));
    close(child.pidfd);
}

/* Copies /bin/sleep to NAME, runs it, removes it as a package manager does, and reads what is shown. */
static void
check_deleted(const char *name, const char *renamed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Launcher) launcher = launcher_start(&error);
    g_autofree char *dir = g_dir_make_tmp("moult-XXXXXX", &error), *program = NULL, *content = NULL,
                    *exe = NULL;
    g_autofree char *path = g_build_filename(dir, name, NULL), *moved = g_build_filename(dir, renamed, NULL);
    const char *const argv[] = {"sleep", "1000", NULL};
    LauncherRequest request = {.binary = path, .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
    LauncherChild child;
    gsize size;
    bool deleted = false;

    assert_true(g_file_get_contents("/bin/sleep", &content, &size, &error));
    assert_true(g_file_set_contents(path, content, (gssize)size, &error));
    assert_int_equal(chmod(path, 0755), 0);
    assert_true(launcher_spawn(launcher, &request, HELPER_TIMEOUT_MS, &child, &error));
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(unlink(moved), 0);
    exe = process_proc_dup_exe(child.identity.pid, &deleted, &error);
    assert_string_equal(exe, path);
    assert_true(deleted);
    process_kill_and_reap(child.pidfd, HELPER_TIMEOUT_MS, NULL, NULL);
    close(child.pidfd);
    rmdir(dir);
}

static void
deleted_exe_is_recognised(void **state)
{
    (void)state;
    check_deleted("qemu", "qemu");
}

static void
exe_that_rpm_renamed_and_deleted_is_recognised(void **state)
{
    (void)state;
    check_deleted("qemu", "qemu;5f3A1b2c");
}

static void
ids_are_the_effective_ones(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    uid_t uid;
    gid_t gid;

    assert_true(process_proc_get_ids(getpid(), &uid, &gid, &error));
    assert_int_equal(uid, geteuid());
    assert_int_equal(gid, getegid());
}

static void
memory_figures_are_plausible(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    guint64 before, after, available, resident_before, resident_after;
    const size_t size = 8 * 1024 * 1024;

    assert_true(process_proc_get_pss(getpid(), &before, &error));
    assert_true(process_proc_get_resident(getpid(), &resident_before, &error));
    void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    assert_true(process_proc_get_pss(getpid(), &after, &error));
    assert_true(process_proc_get_resident(getpid(), &resident_after, &error));
    munmap(area, size);
    assert_true(resident_after >= resident_before + size / 2);
    assert_true(after >= before + size / 2); /* the reading itself allocates and frees */
    assert_true(process_proc_get_mem_available(&available, &error));
    assert_true(available > 1024 * 1024);
}

static void
descriptor_of_a_process_is_fetched(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    ProcessIdentity self;
    struct stat original, fetched;
    int pidfd, fd, memory = memfd_create("test", MFD_CLOEXEC);

    assert_true(process_identity_read(getpid(), &self, &error));
    pidfd = process_identity_open(&self, &error);
    fd = process_proc_fetch_fd(pidfd, memory, &error);
    assert_no_error(error);
    assert_int_equal(fstat(memory, &original), 0);
    assert_int_equal(fstat(fd, &fetched), 0);
    assert_int_equal(original.st_ino, fetched.st_ino);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    assert_int_equal(process_proc_fetch_fd(pidfd, 1000, &error), -1);
    assert_true(g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE));
    close(memory);
    close(pidfd);
}

static void
maps_show_a_shared_memfd_with_its_inode(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    int memory = memfd_create("moult maps (x)", MFD_CLOEXEC);
    const size_t size = 3 * 4096;
    const ProcessMapping *found = NULL;
    struct stat status;

    assert_int_equal(ftruncate(memory, (off_t)size), 0);
    assert_int_equal(fstat(memory, &status), 0);
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    g_autoptr(GPtrArray) mappings = process_proc_read_maps(getpid(), &error);
    assert_non_null(mappings);
    for (guint i = 0; i < mappings->len; i++) {
        const ProcessMapping *mapping = g_ptr_array_index(mappings, i);

        if (mapping->start == (guintptr)area)
            found = mapping;
    }
    assert_non_null(found);
    assert_int_equal(found->end - found->start, size);
    assert_string_equal(found->permissions, "rw-s");
    assert_int_equal(found->inode, status.st_ino);
    assert_int_equal(found->device, status.st_dev);
    assert_string_equal(found->path, "/memfd:moult maps (x) (deleted)");
    munmap(area, size);
    close(memory);
}

static void
own_pid_is_listed(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) pids = process_proc_list_pids(&error);
    bool found = false;

    assert_non_null(pids);
    for (guint i = 0; i < pids->len; i++)
        found |= g_array_index(pids, pid_t, i) == getpid();
    assert_true(found);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_of_self_can_be_opened),
        cmocka_unit_test(pid_of_another_start_time_is_gone),
        cmocka_unit_test(dead_process_is_gone),
        cmocka_unit_test(start_time_is_found_behind_a_hostile_name),
        cmocka_unit_test(boot_id_has_the_kernels_form),
        cmocka_unit_test(wait_times_out_and_is_cancelled),
        cmocka_unit_test(core_dump_is_told_from_a_plain_signal),
        cmocka_unit_test(cmdline_and_environ_come_back_to_the_letter),
        cmocka_unit_test(deleted_exe_is_recognised),
        cmocka_unit_test(exe_that_rpm_renamed_and_deleted_is_recognised),
        cmocka_unit_test(ids_are_the_effective_ones),
        cmocka_unit_test(memory_figures_are_plausible),
        cmocka_unit_test(descriptor_of_a_process_is_fetched),
        cmocka_unit_test(maps_show_a_shared_memfd_with_its_inode),
        cmocka_unit_test(own_pid_is_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
