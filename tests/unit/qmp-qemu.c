/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client and the typed commands against a real QEMU. Its monitor listens on a socket that the test made,
 * as the engine does it: connecting succeeds before QEMU runs. MOULT_TEST_QEMU names another binary; exit 77
 * without one.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmp/client.h"
#include "qmp/commands.h"
#include "qmp/json.h"

#define DEADLINE_MS 60000

typedef struct {
    char *folder, *path; /* the monitor's; longer than a socket address */
    int listener;
    pid_t pid;
} Qemu;

static const char *
qemu_binary(void)
{
    const char *binary = g_getenv("MOULT_TEST_QEMU");

    return binary ? binary : "/usr/bin/qemu-system-x86_64";
}

/* Binds under a short name, since the long one does not fit, and moves the socket. */
static void
qemu_listen(Qemu *qemu)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char deep[151];

    memset(deep, 'd', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    qemu->folder = g_dir_make_tmp("moult-qmp-XXXXXX", NULL);
    assert_non_null(qemu->folder);
    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", qemu->folder);
    qemu->path = g_build_filename(qemu->folder, deep, NULL);
    qemu->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(qemu->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(qemu->listener, 1), 0);
    assert_int_equal(g_rename(address.sun_path, qemu->path), 0);
}

static void
qemu_start(Qemu *qemu)
{
    g_autofree char *chardev = g_strdup_printf("socket,id=m,fd=%d,server=on,wait=off", qemu->listener);
    const char *argv[] = {qemu_binary(),
                          "-S",
                          "-nodefaults",
                          "-display",
                          "none",
                          "-machine",
                          "q35",
                          "-accel",
                          "tcg",
                          "-m",
                          "16M",
                          "-object",
                          "memory-backend-memfd,id=ram0,size=16M,share=on",
                          "-machine",
                          "memory-backend=ram0",
                          "-smp",
                          "2",
                          "-device",
                          "virtio-rng-pci,id=rng0",
                          "-chardev",
                          chardev,
                          "-mon",
                          "chardev=m,mode=control",
                          NULL};

    qemu->pid = fork();
    if (qemu->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(argv[0], (char **)argv);
        _exit(127);
    }
    assert_true(qemu->pid > 0);
}

static int
setup(void **state)
{
    Qemu *qemu = g_new0(Qemu, 1);

    qemu_listen(qemu);
    *state = qemu;
    return 0;
}

static int
teardown(void **state)
{
    Qemu *qemu = *state;

    if (qemu->pid > 0) {
        kill(qemu->pid, SIGKILL);
        waitpid(qemu->pid, NULL, 0);
    }
    close(qemu->listener);
    g_unlink(qemu->path);
    g_rmdir(qemu->folder);
    g_free(qemu->path);
    g_free(qemu->folder);
    g_free(qemu);
    return 0;
}

/* cmocka has none for GError. */
static void
assert_no_gerror(const GError *error)
{
    if (error)
        fail_msg("%s", error->message);
}

static QmpClient *
connect_client(const Qemu *qemu)
{
    g_autoptr(GError) error = NULL;
    QmpClient *client = qmp_client_connect(qemu->path, "guest", &error);

    assert_no_gerror(error);
    assert_non_null(client);
    return client;
}

static void
silent_until_qemu_runs_then_ready(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) client = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    QmpWait moment = qmp_wait_from_now(50, -1);
    int major = 0;

    assert_false(qmp_client_wait_ready(client, &moment, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY));
    g_clear_error(&error);
    assert_false(qmp_client_get_version(client, NULL, NULL, NULL));

    qemu_start(qemu);
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    qmp_client_wait_ready(client, &wait, &error);
    assert_no_gerror(error);
    assert_true(qmp_client_get_version(client, &major, NULL, NULL));
    assert_true(major >= 4);
    assert_non_null(qmp_client_get_package(client));
}

static void
second_client_is_told_busy(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) first = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);

    qemu_start(qemu);
    qmp_client_wait_ready(first, &wait, &error);
    assert_no_gerror(error);

    g_autoptr(QmpClient) second = connect_client(qemu);
    QmpWait moment = qmp_wait_from_now(200, -1);
    assert_false(qmp_client_wait_ready(second, &moment, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY));
    g_clear_error(&error);

    /* Once the first has gone, the same connection is served. */
    g_clear_pointer(&first, qmp_client_free);
    qmp_client_wait_ready(second, &wait, &error);
    assert_no_gerror(error);
}

static void
typed_commands_understand_qemu(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) client = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    QmpStatus status = {0};
    QmpMigrateInfo info = {0};
    const char *const capabilities[] = {"x-ignore-shared", "return-path", NULL};

    qemu_start(qemu);
    qmp_query_status(client, &wait, &status, &error);
    assert_no_gerror(error);
    assert_false(status.running);
    assert_string_equal(status.status, "prelaunch");
    qmp_status_clear(&status);

    g_autoptr(GPtrArray) machines = qmp_query_machines(client, &wait, &error);
    assert_no_gerror(error);
    bool has_q35 = false;
    for (guint i = 0; i < machines->len; i++) {
        const QmpMachine *machine = g_ptr_array_index(machines, i);
        if (g_strcmp0(machine->alias, "q35") == 0) {
            has_q35 = true;
            assert_string_equal(machine->default_ram_id, "pc.ram");
            assert_true(machine->cpu_max >= 255);
        }
    }
    assert_true(has_q35);

    g_autoptr(GHashTable) known = qmp_query_migrate_capabilities(client, &wait, &error);
    assert_no_gerror(error);
    assert_true(g_hash_table_contains(known, "return-path"));
    qmp_migrate_set_capabilities(client, capabilities, true, &wait, &error);
    assert_no_gerror(error);

    qmp_query_migrate(client, &wait, &info, &error);
    assert_no_gerror(error);
    assert_string_equal(info.status, "none");
    qmp_migrate_info_clear(&info);

    g_autoptr(GPtrArray) memdevs = qmp_query_memdev(client, &wait, &error);
    assert_no_gerror(error);
    assert_int_equal(memdevs->len, 1);
    const QmpMemdev *memdev = g_ptr_array_index(memdevs, 0);
    assert_string_equal(memdev->id, "ram0");
    assert_true(memdev->size_bytes == 16 << 20);
    assert_true(memdev->share);

    g_autoptr(GPtrArray) cpus = qmp_query_cpus_fast(client, &wait, &error);
    assert_no_gerror(error);
    assert_int_equal(cpus->len, 2);
    assert_true(((QmpCpu *)g_ptr_array_index(cpus, 1))->thread_id > 0);

    g_autofree char *type = qmp_qom_get_string(client, "/machine", "type", &wait, &error);
    assert_no_gerror(error);
    assert_true(g_str_has_prefix(type, "pc-q35-"));
    g_autoptr(GHashTable) devices = qmp_qom_list(client, "/machine/peripheral", &wait, &error);
    assert_no_gerror(error);
    assert_string_equal(g_hash_table_lookup(devices, "rng0"), "child<virtio-rng-pci>");
    g_autoptr(GHashTable) types = qmp_qom_list_types(client, "device", &wait, &error);
    assert_no_gerror(error);
    assert_true(g_hash_table_contains(types, "virtio-blk-pci"));
    assert_false(g_hash_table_contains(types, "virtio-device")); /* abstract */

    g_autofree char *human = qmp_human_monitor_command(client, "info status", &wait, &error);
    assert_no_gerror(error);
    assert_non_null(strstr(human, "VM status"));
}

static void
events_carry_qemus_clock(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) client = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    gint64 before_us = g_get_real_time();

    qemu_start(qemu);
    qmp_cont(client, &wait, &error);
    assert_no_gerror(error);
    g_autoptr(QmpEvent) resume = qmp_client_wait_event(client, "RESUME", &wait, &error);
    assert_no_gerror(error);
    qmp_stop(client, &wait, &error);
    assert_no_gerror(error);
    g_autoptr(QmpEvent) stop = qmp_client_wait_event(client, "STOP", &wait, &error);
    assert_no_gerror(error);
    assert_true(resume->timestamp_us >= before_us);
    assert_true(stop->timestamp_us >= resume->timestamp_us);
    assert_true(stop->timestamp_us <= g_get_real_time());
}

static void
refusals_are_qemus_words(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) client = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);

    qemu_start(qemu);
    assert_false(qmp_client_call(client, "no-such-command", NULL, &wait, NULL, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_NO_COMMAND));
    g_clear_error(&error);
    assert_null(qmp_qom_get(client, "/nowhere", "type", &wait, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE));
    assert_non_null(strstr(error->message, "/nowhere"));
    g_clear_error(&error);
    assert_null(qmp_qom_get_string(client, "/machine", "dump-guest-core", &wait, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE));
    g_clear_error(&error);
    /* None of that has cost the connection. */
    assert_int_equal(qmp_client_get_state(client), QMP_CLIENT_READY);
}

static void
many_commands_pipelined(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) client = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    guint64 ids[100];

    qemu_start(qemu);
    qmp_client_wait_ready(client, &wait, &error);
    assert_no_gerror(error);
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
        assert_true((ids[i] = qmp_client_send(client, "query-status", NULL, NULL)) != 0);
    for (guint i = G_N_ELEMENTS(ids); i-- > 0;) {
        g_autoptr(json_object) reply = NULL;
        qmp_client_collect(client, ids[i], &wait, &reply, &error);
        assert_no_gerror(error);
        assert_string_equal(qmp_json_get_string(reply, "status"), "prelaunch");
    }
}

static void
the_whole_schema_fits_the_limits(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) client = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) reply = NULL;
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);

    qemu_start(qemu);
    qmp_client_call(client, "query-qmp-schema", NULL, &wait, &reply, &error);
    assert_no_gerror(error);
    assert_true(json_object_array_length(reply) > 500);
}

static void
quit_answers_then_closes(void **state)
{
    Qemu *qemu = *state;
    g_autoptr(QmpClient) client = connect_client(qemu);
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);

    qemu_start(qemu);
    qmp_quit(client, &wait, &error);
    assert_no_gerror(error);
    g_autoptr(QmpEvent) event = qmp_client_wait_event(client, "SHUTDOWN", &wait, &error);
    assert_no_gerror(error);
    assert_null(qmp_client_wait_event(client, "NEVER", &wait, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CLOSED));
    assert_int_equal(qmp_client_get_fd(client), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silent_until_qemu_runs_then_ready), TEST(second_client_is_told_busy),
        TEST(typed_commands_understand_qemu),    TEST(events_carry_qemus_clock),
        TEST(refusals_are_qemus_words),          TEST(many_commands_pipelined),
        TEST(the_whole_schema_fits_the_limits),  TEST(quit_answers_then_closes),
    };

    if (access(qemu_binary(), X_OK) != 0) {
        printf("SKIP: no %s\n", qemu_binary());
        return 77;
    }
    alarm(DEADLINE_MS / 1000 * 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
