/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is about the process rather than the machine, through upgrades and rollbacks: pidfile, users, names,
 * the sandbox, the chroot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "carry.h"
#include "harness-private.h"
#include "qmp/commands.h"
#include "qmp/json.h"

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
disk_of_another_user_goes_along(void **state)
{
    (void)state;
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec("-runas nobody"));

    carry_expect_rows(guest, "OK disk-reopen");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_check_disk(guest);
    carry_roll_back_from(guest, BUILD_INSTALLED);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

/* ---- In a chroot ---- */

#define MONITOR " -qmp unix:@folder@/qmp.sock,server=on,wait=off"
#define SHARED "-machine memory-backend=ram -object memory-backend-file,id=ram,size=256M,share=on,mem-path=@folder@/ram "
#define OPENED_ONCE "-drive if=none,id=disk0,format=raw,auto-read-only=off,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0 "

/* An engine whose folder has an empty one for chroots. */
static HarnessEngine *
engine_with_chroot(void)
{
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *folder = g_build_filename(engine->folder, "empty", NULL);

    assert_int_equal(mkdir(folder, 0755), 0);
    return engine;
}

static void
make_file(const HarnessEngine *engine, const char *name)
{
    g_autofree char *path = g_build_filename(engine->folder, name, NULL), *content = g_strnfill(64 << 10, 'x');

    assert_true(g_file_set_contents(path, content, -1, NULL));
}

static void
expect_shut_in(const HarnessGuest *guest)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/root", guest->pid), *folder = carry_path(guest, "empty");
    g_autofree char *root = g_file_read_link(link, NULL);

    assert_string_equal(root, folder);
    expect_status(guest, "Uid", "65534");
}

/* The guest runs in FIRST. What it writes after each of them is in its image. */
static void
go_through_everything(HarnessGuest *guest, HarnessBuild first, HarnessBuild second)
{
    harness_guest_upgrade(guest, second);
    expect_shut_in(guest);
    harness_guest_check_disk(guest);
    carry_roll_back_from(guest, first);
    harness_guest_check_disk(guest);
    harness_guest_upgrade(guest, first);
    expect_shut_in(guest);
    harness_guest_check_disk(guest);
}

static void
await_shut_in(const HarnessGuest *guest, pid_t pid)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/root", pid), *folder = carry_path(guest, "empty");

    for (int i = 0; i < 1000; i++) {
        g_autofree char *root = g_file_read_link(link, NULL);
        if (g_strcmp0(root, folder) == 0)
            return;
        g_usleep(10000);
    }
    fail_msg("%d is not in its chroot", pid);
}

/* Its root is where it was started, not where it has shut itself in. */
static void
expect_listed(HarnessEngine *engine, pid_t pid)
{
    g_autoptr(HarnessReply) list = moult(engine, "list", "--all", "--json", NULL);
    json_object *row = reply_find_listed(list, pid);

    assert_non_null(row);
    assert_non_null(qmp_json_get_string(row, "method")); /* which one has that could be adopted */
}

static HarnessGuest *
start_and_adopt(HarnessEngine *engine, HarnessBuild build, const HarnessSpec *spec)
{
    HarnessGuest *guest = harness_guest_new(engine, "guest", spec);
    pid_t pid = carry_start_with(guest, build, NULL, 0);

    await_shut_in(guest, pid);
    expect_listed(engine, pid);
    carry_adopt(guest, pid);
    return guest;
}

static void
upgrade_by_copy(HarnessGuest *guest, HarnessBuild build)
{
    g_autoptr(HarnessReply) reply = moult(guest->engine, "upgrade", guest->name, "--to", harness_build(build), "--json", NULL);

    assert_status(reply, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(reply_result(reply), "method"), "copy");
    harness_guest_await(guest);
}

static const HarnessSpec *
spec_opened_once(const char *memory, const char *more)
{
    HarnessSpec *spec = carry_spec(" ");

    spec->arguments = g_strconcat(OPENED_ONCE, memory, more, MONITOR, NULL);
    return spec;
}

/* Of a QEMU that nobody has started with an engine's mark the harness expects less. */
static void
refuse_adopted(HarnessGuest *guest, const char *to, int status, const char *outcome, const char *code)
{
    g_autoptr(HarnessReply) reply = moult(guest->engine, "upgrade", guest->name, "--to", to, "--json", NULL);

    assert_outcome(reply, status, outcome, code, NULL);
    harness_guest_check(guest);
    harness_guest_check_disk(guest);
}

/* By a state that its successor does not take: when its disks have been given up. */
static void
roll_back_adopted(HarnessGuest *guest, HarnessBuild build)
{
    const char *refusing = harness_script(guest->engine, "refuses-it", "exec %s \"$@\" -global virtio-blk-pci.event_idx=off\n",
                                          harness_build(build));

    refuse_adopted(guest, refusing, EXIT_FAILED, "rolled-back", "migration-failed");
}

static void
adopted_guest_stays_in_its_chroot(void **state)
{
    (void)state;
    HarnessEngine *engine = engine_with_chroot();
    HarnessGuest *guest =
        start_and_adopt(engine, BUILD_INSTALLED, spec_opened_once(SHARED, "-chroot @folder@/empty -runas nobody -sandbox on"));

    expect_shut_in(guest);
    roll_back_adopted(guest, BUILD_SECOND);
    go_through_everything(guest, BUILD_INSTALLED, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
adopted_guest_stays_in_its_chroot_in_the_new_spelling(void **state)
{
    (void)state;
    HarnessEngine *engine = engine_with_chroot();
    HarnessGuest *guest =
        start_and_adopt(engine, BUILD_SECOND, spec_opened_once("", "-run-with chroot=@folder@/empty,user=nobody"));

    expect_shut_in(guest);
    roll_back_adopted(guest, BUILD_INSTALLED);
    upgrade_by_copy(guest, BUILD_INSTALLED);
    expect_shut_in(guest);
    harness_guest_check_disk(guest);
    go_through_everything(guest, BUILD_INSTALLED, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
guest_of_ours_stays_in_its_chroot(void **state)
{
    (void)state;
    HarnessEngine *engine = engine_with_chroot();
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec("-daemonize -pidfile @folder@/pidfile -chroot @folder@/empty -runas nobody "
                   "-drive if=none,id=d1,file=@disk1.qcow2@ -device virtio-blk-pci,drive=d1 "
                   "-vnc unix:@folder@/vnc.sock -chardev socket,id=c0,path=@folder@/c0.sock,server=on,wait=off "
                   "-device virtio-serial-pci -device virtserialport,chardev=c0"));

    carry_expect_rows(guest, "OK chroot,OK disk-reopen");
    expect_shut_in(guest);
    carry_roll_back(guest);
    harness_guest_check_disk(guest);
    go_through_everything(guest, BUILD_INSTALLED, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
disk_that_would_be_opened_again_is_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = engine_with_chroot();
    HarnessGuest *guest =
        start_and_adopt(engine, BUILD_INSTALLED, carry_spec("-chroot @folder@/empty -runas nobody" MONITOR));

    carry_expect_rows(guest, "BLOCK disk-reopen");
    refuse_adopted(guest, harness_build(BUILD_SECOND), EXIT_REFUSED, "refused", "disk-reopen");
    harness_engine_finish(engine);
}

/* A path means one thing on the command line and another to a QEMU that is in its chroot. */
static void
what_is_inside_the_chroot_is_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = engine_with_chroot();
    make_file(engine, "cd.iso");
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-chroot @folder@/empty -drive if=none,id=cd0,media=cdrom,format=raw,file=@folder@/cd.iso -device ide-cd,id=cd,drive=cd0"));
    g_autofree char *folder = carry_path(guest, "empty");
    g_autofree char *moved = g_strconcat(folder, ".moved", NULL);

    make_file(engine, "empty/other.iso");
    harness_guest_qmp_with(guest, "blockdev-change-medium", "{\"id\":\"cd\",\"filename\":\"/other.iso\",\"format\":\"raw\"}");
    carry_expect_refusal(guest, "chroot-path");
    harness_guest_qmp_with(guest, "eject", "{\"id\":\"cd\",\"force\":true}");
    harness_guest_upgrade(guest, BUILD_SECOND); /* what is left out is at no path */
    assert_int_equal(rename(folder, moved), 0);
    assert_int_equal(mkdir(folder, 0755), 0);
    carry_expect_refusal(guest, "chroot");
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rename(moved, folder), 0);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_engine_finish(engine);
}

static void
image_that_is_another_outside_is_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = engine_with_chroot();
    make_file(engine, "d0.img");
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-chroot @folder@/empty -blockdev driver=file,node-name=d0,filename=@folder@/d0.img -device virtio-blk-pci,drive=d0"));
    g_autofree char *path = carry_path(guest, "d0.img"), *kept = g_strconcat(path, ".kept", NULL);

    assert_int_equal(rename(path, kept), 0);
    make_file(engine, "d0.img");
    carry_expect_refusal(guest, "disk-file");
    assert_int_equal(rename(kept, path), 0);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* What is in the file has only grown: no byte before has changed. Owned. */
static char *
read_grown_log(const char *path, const char *before)
{
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    if (!g_str_has_prefix(text, before) || strlen(text) == strlen(before))
        fail_msg("“%s” has become “%s”", before, text);
    return text;
}

/* Each reset of the processor is logged. */
static void
reset_is_logged(HarnessGuest *guest, const char *path)
{
    g_autofree char *before = NULL;

    assert_true(g_file_get_contents(path, &before, NULL, NULL));
    harness_guest_qmp(guest, "system_reset");
    harness_guest_await_reboot(guest);
    g_autofree char *after = read_grown_log(path, before);
    assert_non_null(strstr(after + strlen(before), "CPU Reset"));
}

static void
log_of_qemu_goes_on(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-D @folder@/debug.log -d cpu_reset"));
    g_autofree char *path = carry_path(guest, "debug.log");

    carry_expect_rows(guest, "OK log-handed");
    for (HarnessBuild build = BUILD_SECOND;; build = BUILD_INSTALLED) {
        g_autofree char *before = NULL, *after = NULL;
        assert_true(g_file_get_contents(path, &before, NULL, NULL) && *before);
        harness_guest_upgrade(guest, build);
        after = read_grown_log(path, before);
        reset_is_logged(guest, path);
        if (build == BUILD_INSTALLED)
            break;
    }
    harness_engine_finish(engine);
}

/* What the new QEMU says of its end is in the file, and still found there. */
static void
words_of_a_qemu_are_found_in_its_log(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-D @folder@/debug.log -d cpu_reset"));
    const char *refusing = harness_script(
        engine, "refuses", HARNESS_IF_TARGET "set -- \"$@\" -machine hpet=off" HARNESS_FI "exec %s \"$@\"", harness_build(BUILD_SECOND));
    const char *ending = harness_script(
        engine, "ends", HARNESS_IF_TARGET "set -- \"$@\" -device no-such-device" HARNESS_FI "exec %s \"$@\"\n", harness_build(BUILD_SECOND));
    g_autofree char *path = carry_path(guest, "debug.log"), *before = NULL;

    assert_true(g_file_get_contents(path, &before, NULL, NULL));
    g_autoptr(HarnessReply) ended = moult(engine, "upgrade", guest->name, "--to", ending, "--json", NULL);
    assert_outcome(ended, EXIT_FAILED, "rolled-back", "qemu-start", "no-such-device");
    g_autoptr(HarnessReply) refused = moult(engine, "upgrade", guest->name, "--to", refusing, "--json", NULL);
    assert_outcome(refused, EXIT_FAILED, "rolled-back", "migration-failed", "hpet");
    harness_guest_check_untouched(guest);
    g_autofree char *after = read_grown_log(path, before);
    reset_is_logged(guest, path);
    harness_engine_finish(engine);
}

static void
log_that_was_moved_away_is_left_alone(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-D @folder@/debug.log -d cpu_reset"));
    g_autofree char *path = carry_path(guest, "debug.log"), *old = carry_path(guest, "debug.log.1"), *text = NULL;

    assert_int_equal(rename(path, old), 0);
    assert_true(g_file_set_contents(path, "somebody's\n", -1, NULL));
    carry_expect_rows(guest, "WARN log-dropped");
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, "somebody's\n");
    harness_engine_finish(engine);
}

/* ---- Threads ---- */

#define IO_BEST_EFFORT(level) (2 << 13 | (level))

typedef struct {
    pid_t cpus[2], iothread;
} Threads;

static Threads
find_threads(const HarnessGuest *guest)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s/operator.sock", guest->engine->runtime, guest->name);
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, NULL);
    Threads threads = {0};

    assert_non_null(client);
    assert_true(qmp_client_wait_ready(client, &wait, NULL));
    g_autoptr(GPtrArray) cpus = qmp_query_cpus_fast(client, &wait, NULL);
    g_autoptr(GPtrArray) iothreads = qmp_query_iothreads(client, &wait, NULL);
    assert_true(cpus && cpus->len == 2 && iothreads && iothreads->len == 1);
    for (guint i = 0; i < cpus->len; i++) {
        const QmpCpu *cpu = g_ptr_array_index(cpus, i);
        threads.cpus[cpu->index] = cpu->thread_id;
    }
    threads.iothread = ((const QmpIothread *)g_ptr_array_index(iothreads, 0))->thread_id;
    assert_int_not_equal(threads.cpus[0], threads.cpus[1]);
    return threads;
}

static void
pin(pid_t thread, int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    assert_int_equal(sched_setaffinity(thread, sizeof set, &set), 0);
}

static void
expect_pinned(pid_t thread, int cpu)
{
    cpu_set_t set;

    assert_int_equal(sched_getaffinity(thread, sizeof set, &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    assert_true(CPU_ISSET(cpu, &set));
}

static void
set_class(pid_t thread, int policy, int priority)
{
    const struct sched_param parameters = {.sched_priority = priority};

    assert_int_equal(sched_setscheduler(thread, policy, &parameters), 0);
}

static void
expect_class(pid_t thread, int policy, int priority)
{
    struct sched_param parameters;

    assert_int_equal(sched_getscheduler(thread), policy);
    assert_int_equal(sched_getparam(thread, &parameters), 0);
    assert_int_equal(parameters.sched_priority, priority);
}

static void
expect_slack(pid_t thread, const char *slack_ns)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/timerslack_ns", thread), *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(g_strchomp(text), slack_ns);
}

static void
arrange_threads(const HarnessGuest *guest, const Threads *threads)
{
    g_autofree char *slack = g_strdup_printf("/proc/%d/timerslack_ns", threads->cpus[0]);

    pin(threads->cpus[0], 0);
    pin(threads->cpus[1], 1);
    pin(threads->iothread, 1);
    set_class(guest->pid, SCHED_BATCH, 0); /* the main thread, and with it whatever has nothing of its own */
    set_class(threads->iothread, SCHED_FIFO, 5); /* which has nothing to do */
    assert_int_equal(setpriority(PRIO_PROCESS, (id_t)threads->cpus[1], 3), 0);
    assert_int_equal(syscall(SYS_ioprio_set, 1, threads->cpus[1], IO_BEST_EFFORT(6)), 0);
    assert_true(g_file_set_contents_full(slack, "123456", -1, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
}

static void
expect_threads(const HarnessGuest *guest, const Threads *threads)
{
    expect_pinned(threads->cpus[0], 0);
    expect_pinned(threads->cpus[1], 1);
    expect_pinned(threads->iothread, 1);
    expect_class(guest->pid, SCHED_BATCH, 0);
    expect_class(threads->cpus[0], SCHED_OTHER, 0);
    expect_class(threads->iothread, SCHED_FIFO, 5);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)threads->cpus[0]), 0);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)threads->cpus[1]), 3);
    assert_int_equal(syscall(SYS_ioprio_get, 1, threads->cpus[1]), IO_BEST_EFFORT(6));
    expect_slack(threads->cpus[0], "123456");
    expect_slack(threads->cpus[1], "1"); /* which QEMU asks for itself */;
}

static void
threads_are_placed_and_prioritised(void **state)
{
    (void)state;
    harness_need_root();
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        harness_skip("needs two processors");
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-smp 2 -object iothread,id=io0"));
    Threads threads = find_threads(guest);

    arrange_threads(guest, &threads);
    expect_threads(guest, &threads);
    for (HarnessBuild build = BUILD_SECOND;; build = BUILD_INSTALLED) {
        harness_guest_upgrade(guest, build);
        threads = find_threads(guest);
        expect_threads(guest, &threads);
        if (build == BUILD_INSTALLED)
            break;
    }
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
        HARNESS_TEST(log_of_qemu_goes_on),
        HARNESS_TEST(words_of_a_qemu_are_found_in_its_log),
        HARNESS_TEST(log_that_was_moved_away_is_left_alone),
        HARNESS_TEST(disk_of_another_user_goes_along),
        HARNESS_TEST(adopted_guest_stays_in_its_chroot),
        HARNESS_TEST(adopted_guest_stays_in_its_chroot_in_the_new_spelling),
        HARNESS_TEST(guest_of_ours_stays_in_its_chroot),
        HARNESS_TEST(disk_that_would_be_opened_again_is_refused),
        HARNESS_TEST(what_is_inside_the_chroot_is_refused),
        HARNESS_TEST(image_that_is_another_outside_is_refused),
        HARNESS_TEST(threads_are_placed_and_prioritised),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
