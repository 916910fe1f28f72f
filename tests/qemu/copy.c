/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Method copy: guests with memory that is private to their QEMU. They go once by copying, and then share it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "harness.h"
#include "processes.h"
#include "qmp/commands.h"

#define POLL_US 5000

/* A file that is mapped privately: what the guest writes is in its QEMU alone. */
#define PRIVATE_MEMORY(mib) "-object memory-backend-file,id=m0,size=" #mib "M,share=off,mem-path=@folder@/ram"
#define MACHINE "pc-q35-7.2,memory-backend=m0"

static const HarnessSpec busy = {
    .kernel = "cloud",
    .machine = MACHINE,
    .vcpus = 2,
    .ram_mib = 256,
    .arguments = PRIVATE_MEMORY(256) " -drive if=none,id=disk0,format=raw,file=@disk0.raw@ "
                                     "-device virtio-blk-pci,drive=disk0",
    .append = "moult.disk=/dev/vda moult.mem=64 moult.load=100",
};
/* Enough that its copy is still under way when somebody has seen that it has begun. */
static const HarnessSpec large = {
    .kernel = "cloud",
    .machine = MACHINE,
    .ram_mib = 2048,
    .arguments = PRIVATE_MEMORY(2048),
};

/* The row CODE of `check`; borrowed from REPLY. Fails when there is none. */
static json_object *
find_row(const HarnessReply *reply, const char *code)
{
    json_object *checks = qmp_json_get_array(reply->output, "checks");
    json_object *rows = qmp_json_get_array(json_object_array_get_idx(checks, 0), "rows");

    for (size_t i = 0; rows && i < json_object_array_length(rows); i++)
        if (g_strcmp0(qmp_json_get_string(json_object_array_get_idx(rows, i), "code"), code) == 0)
            return json_object_array_get_idx(rows, i);
    fail_msg("no row '%s': %s", code, reply->text);
    return NULL;
}

static void
test_private_memory_is_copied_once(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &busy);
    g_autoptr(HarnessReply) check = moult(engine, "check", "g", "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_status(check, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(find_row(check, "copy-stops-guest"), "level"), "WARN");
    assert_string_equal(qmp_json_get_string(find_row(check, "method"), "level"), "OK");
    harness_guest_copy(guest, BUILD_SECOND);
    harness_guest_check(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED); /* which wants method shared */
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

static void
test_running_guest_is_copied_by_the_second_build(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_SECOND, &busy);

    /* QEMU's default limit is 300 ms; a guest that was stopped for it would stand far longer on a busy machine. */
    assert_true(harness_guest_copy(guest, BUILD_SECOND) < 2000.0);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

/* Waits until QEMU has stopped the guest, seen from the operator's monitor. */
static void
await_stopped(HarnessGuest *guest)
{
    g_autofree char *path = g_strdup_printf("%s/instances/%d/operator.sock", guest->engine->runtime, (int)guest->id);
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, &error);
    QmpStatus status = {.running = true};

    assert_non_null(client);
    while (status.running) {
        qmp_status_clear(&status);
        if (!qmp_query_status(client, &wait, &status, &error))
            fail_msg("%s: %s", guest->name, error->message);
        g_usleep(POLL_US);
    }
    qmp_status_clear(&status);
}

static void
kill_target(HarnessGuest *guest)
{
    g_autoptr(GPtrArray) processes = processes_find(guest->engine->folder);
    unsigned n = 0;

    for (guint i = 0; i < processes->len; i++) {
        const Process *process = g_ptr_array_index(processes, i);
        if (process->pid != guest->pid && kill(process->pid, SIGKILL) == 0)
            n++;
    }
    assert_int_equal(n, 1);
}

/* "max-bandwidth" of the running QEMU. */
static gint64
get_bandwidth(HarnessGuest *guest)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s/operator.sock", guest->engine->runtime, guest->name);
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, NULL);
    g_autoptr(json_object) parameters = client ? qmp_query_migrate_parameters(client, &wait, NULL) : NULL;
    gint64 bytes_per_s = -1;

    assert_true(qmp_json_get_int64(parameters, "max-bandwidth", &bytes_per_s));
    return bytes_per_s;
}

static void
test_source_is_as_before_after_a_roll_back(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &large);
    gint64 bytes_per_s = get_bandwidth(guest);
    Program *upgrade = moult_start(engine, "upgrade", "g", "--to", harness_build(BUILD_SECOND), "--json", NULL);

    await_stopped(guest);
    kill_target(guest);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "migration-failed", NULL);
    harness_guest_check_untouched(guest);
    assert_true(get_bandwidth(guest) == bytes_per_s);
    harness_guest_copy(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
test_engine_dies_while_the_guest_is_stopped(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &large);
    Program *upgrade = moult_start(engine, "upgrade", "g", "--to", harness_build(BUILD_SECOND), "--json", NULL);

    await_stopped(guest);
    harness_engine_kill(engine);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_status(reply, EXIT_UNREACHABLE);
    harness_engine_start(engine, NULL);
    harness_guest_await_recovery(guest);
    harness_guest_await_moved(guest); /* on one of the two, whichever had it: it runs, and is alone */
    harness_engine_check(engine);
    harness_engine_finish(engine);
}

static void
test_longer_than_allowed(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &busy);
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "g", "--to", harness_build(BUILD_SECOND),
                                          "--max-downtime", "0.001", "--json", NULL);

    assert_outcome(reply, EXIT_REFUSED, "refused", "downtime-too-long", "0.0 s are allowed");
    harness_guest_check_untouched(guest);
    harness_engine_finish(engine);
}

static void
test_method_that_does_not_fit(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *private = harness_guest_run(engine, "private", BUILD_INSTALLED, &busy);
    HarnessGuest *shared = harness_guest_run(engine, "shared", BUILD_INSTALLED, &harness_tiny);
    const char *to = harness_build(BUILD_SECOND);
    g_autoptr(HarnessReply) first = moult(engine, "upgrade", "private", "--to", to, "--method=shared", "--json", NULL);
    g_autoptr(HarnessReply) second = moult(engine, "upgrade", "shared", "--to", to, "--method=copy", "--json", NULL);

    assert_outcome(first, EXIT_REFUSED, "refused", "ram-not-shared", "m0");
    assert_outcome(second, EXIT_REFUSED, "refused", "copy-not-needed", NULL);
    harness_guest_check_untouched(private);
    harness_guest_check_untouched(shared);
    harness_engine_finish(engine);
}

/* ---- A control group that is too small ---- */

/* A group of PID's own with a limit of MIB; NULL where this machine gives none. Owned. */
static char *
make_group(pid_t pid, unsigned mib)
{
    g_autofree char *pid_text = g_strdup_printf("%d", pid), *limit = g_strdup_printf("%uM", mib);
    g_autofree char *group = cgroup_make("memory", "memory.limit_in_bytes", "memory.max", limit);

    if (!group || cgroup_put(group, "cgroup.procs", pid_text))
        return g_steal_pointer(&group);
    g_rmdir(group);
    return NULL;
}

static void
test_no_room_in_the_control_group(void **state G_GNUC_UNUSED)
{
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_SECOND, &busy);
    g_autofree char *group = make_group(guest->pid, 400);

    if (!group) {
        print_message("no control group with a memory limit can be made here\n");
        harness_engine_finish(engine);
        skip();
    }
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "g", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(reply, EXIT_REFUSED, "refused", "copy-memory-cgroup", "takes 512 MiB");
    harness_guest_check_untouched(guest);
    harness_engine_finish(engine);
    assert_int_equal(g_rmdir(group), 0);
}

#define TEST(f) {.name = &#f[sizeof("test_") - 1], .test_func = f, .teardown_func = harness_teardown}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_private_memory_is_copied_once),
        TEST(test_running_guest_is_copied_by_the_second_build),
        TEST(test_source_is_as_before_after_a_roll_back),
        TEST(test_engine_dies_while_the_guest_is_stopped),
        TEST(test_no_room_in_the_control_group),
        TEST(test_longer_than_allowed),
        TEST(test_method_that_does_not_fit),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
