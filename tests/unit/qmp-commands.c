/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The typed commands against replies of a wrong shape, which a real QEMU does not give. What a right one
 * looks like is qmp-qemu's subject.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qmp-peer.h"
#include "qmp/commands.h"

#define LONG_MS 20000

/* One call of a typed command; TRUE when it took the reply. */
typedef bool (*Attempt)(QmpClient *client, const QmpWait *wait, GError **error);

static bool
attempt_status(QmpClient *client, const QmpWait *wait, GError **error)
{
    QmpStatus status = {0};
    bool succeeded = qmp_query_status(client, wait, &status, error);

    qmp_status_clear(&status);
    return succeeded;
}

static bool
attempt_migrate(QmpClient *client, const QmpWait *wait, GError **error)
{
    QmpMigrateInfo info = {0};
    bool succeeded = qmp_query_migrate(client, wait, &info, error);

    qmp_migrate_info_clear(&info);
    return succeeded;
}

static bool
attempt_machines(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_machines(client, wait, error);

    return list != NULL;
}

static bool
attempt_memdev(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_memdev(client, wait, error);

    return list != NULL;
}

static bool
attempt_cpus(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_cpus_fast(client, wait, error);

    return list != NULL;
}

static bool
attempt_iothreads(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_iothreads(client, wait, error);

    return list != NULL;
}

static bool
attempt_capabilities(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GHashTable) set = qmp_query_migrate_capabilities(client, wait, error);

    return set != NULL;
}

static bool
attempt_qom_list(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GHashTable) members = qmp_qom_list(client, "/machine", wait, error);

    return members != NULL;
}

static bool
attempt_objects(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) names = qmp_qom_list_objects(client, "iothread", wait, error);

    if (names) {
        assert_int_equal(names->len, 1);
        assert_string_equal(g_ptr_array_index(names, 0), "io0");
    }
    return names != NULL;
}

static bool
attempt_types(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GHashTable) set = qmp_qom_list_types(client, "device", wait, error);

    return set != NULL;
}

static bool
attempt_qom_get(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) value = qmp_qom_get(client, "/machine", "type", wait, error);

    return value != NULL;
}

static bool
attempt_qom_get_string(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autofree char *text = qmp_qom_get_string(client, "/machine", "type", wait, error);

    return text != NULL;
}

static bool
attempt_memory_devices(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_memory_devices(client, wait, error);

    return list != NULL;
}

static bool
attempt_human(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autofree char *text = qmp_human_monitor_command(client, "info status", wait, error);

    return text != NULL;
}

static bool
attempt_kvm(QmpClient *client, const QmpWait *wait, GError **error)
{
    bool enabled = true;

    return qmp_query_kvm(client, wait, &enabled, error) && !enabled;
}

static bool
attempt_parameters(QmpClient *client, const QmpWait *wait, GError **error)
{
    g_autoptr(json_object) parameters = qmp_query_migrate_parameters(client, wait, error);

    return parameters != NULL;
}

static const struct {
    Attempt attempt;
    const char *command, *reply;
    bool taken;
} CASES[] = {
    {attempt_kvm, "query-kvm", "{\"enabled\": false, \"present\": true}", true},
    {attempt_kvm, "query-kvm", "{\"enabled\": \"no\"}", false},
    {attempt_kvm, "query-kvm", "[]", false},
    {attempt_parameters, "query-migrate-parameters", "{\"max-bandwidth\": 134217728}", true},
    {attempt_parameters, "query-migrate-parameters", "7", false},
    {attempt_status, "query-status", "{\"status\": \"running\", \"running\": true, \"new\": 1}", true},
    {attempt_status, "query-status", "{}", false},
    {attempt_status, "query-status", "null", false},
    {attempt_status, "query-status", "[]", false},
    {attempt_status, "query-status", "{\"status\": \"running\"}", false},
    {attempt_status, "query-status", "{\"status\": \"running\", \"running\": \"yes\"}", false},
    {attempt_status, "query-status", "{\"status\": \"\\u001b[2J\", \"running\": true}", false},
    {attempt_migrate, "query-migrate", "{}", true},
    {attempt_migrate, "query-migrate",
     "{\"ram\": 7, \"blocked-reasons\": [1, \"b\\n\"], \"error-desc\": \"e\"}", true},
    {attempt_migrate, "query-migrate", "{\"status\": 7}", false},
    {attempt_migrate, "query-migrate", "\"completed\"", false},
    {attempt_machines, "query-machines", "[]", true},
    {attempt_machines, "query-machines", "[{\"name\": \"pc\", \"cpu-max\": 1}]", true},
    {attempt_machines, "query-machines", "[{\"name\": \"pc\", \"cpu-max\": 1}, 7]", false},
    {attempt_machines, "query-machines", "[{\"cpu-max\": 1}]", false},
    {attempt_machines, "query-machines", "[{\"name\": \"pc\"}]", false},
    {attempt_machines, "query-machines", "[{\"name\": \"pc\", \"cpu-max\": 1, \"alias\": 7}]", false},
    {attempt_machines, "query-machines", "{}", false},
    {attempt_memdev, "query-memdev", "[{\"size\": 1}]", true},
    {attempt_memdev, "query-memdev", "[{\"size\": -1}]", false},
    {attempt_memdev, "query-memdev", "[{\"size\": 99999999999999999999}]", false},
    {attempt_memdev, "query-memdev", "[{\"size\": 1, \"id\": []}]", false},
    {attempt_memory_devices, "query-memory-devices", "[{\"type\": \"dimm\", \"data\": {\"memdev\": \"/objects/m\"}}]", true},
    {attempt_memory_devices, "query-memory-devices", "[{\"type\": \"hv-balloon\"}]", true},
    {attempt_memory_devices, "query-memory-devices", "[{\"data\": {}}]", false},
    {attempt_memory_devices, "query-memory-devices", "[{\"type\": \"dimm\", \"data\": {\"memdev\": 1}}]", false},
    {attempt_memory_devices, "query-memory-devices", "{}", false},
    {attempt_cpus, "query-cpus-fast", "[{\"cpu-index\": 0, \"thread-id\": 9, \"qom-path\": \"/machine\"}]",
     true},
    {attempt_cpus, "query-cpus-fast", "[{\"cpu-index\": 0, \"thread-id\": 0, \"qom-path\": \"/m\"}]", false},
    {attempt_cpus, "query-cpus-fast", "[{\"cpu-index\": 0, \"thread-id\": -1, \"qom-path\": \"/m\"}]", false},
    {attempt_cpus, "query-cpus-fast", "[{\"cpu-index\": 0, \"thread-id\": 4294967297, \"qom-path\": \"/m\"}]",
     false},
    {attempt_iothreads, "query-iothreads", "[{\"id\": \"io0\", \"thread-id\": 9, \"poll-max-ns\": 1}]", true},
    {attempt_iothreads, "query-iothreads", "[]", true},
    {attempt_iothreads, "query-iothreads", "[{\"id\": \"io0\", \"thread-id\": 0}]", false},
    {attempt_iothreads, "query-iothreads", "[{\"id\": \"io0\"}]", false},
    {attempt_iothreads, "query-iothreads", "[{\"thread-id\": 9}]", false},
    {attempt_capabilities, "query-migrate-capabilities",
     "[{\"capability\": \"return-path\", \"state\": true}]", true},
    {attempt_capabilities, "query-migrate-capabilities", "[{\"state\": true}]", false},
    {attempt_capabilities, "query-migrate-capabilities", "[null]", false},
    {attempt_qom_list, "qom-list", "[{\"name\": \"a\", \"type\": \"b\"}]", true},
    {attempt_qom_list, "qom-list", "[{\"name\": \"a\"}]", false},
    {attempt_objects, "qom-list",
     "[{\"name\": \"io0\", \"type\": \"child<iothread>\"}, {\"name\": \"type\", \"type\": \"string\"}, "
     "{\"name\": \"mem\", \"type\": \"child<memory-backend-ram>\"}, {\"name\": \"x\", \"type\": \"link<iothread>\"}]",
     true},
    {attempt_objects, "qom-list", "[{\"type\": \"child<iothread>\"}]", false},
    {attempt_types, "qom-list-types", "[{\"name\": \"a\", \"parent\": \"b\"}]", true},
    {attempt_types, "qom-list-types", "[{\"parent\": \"b\"}]", false},
    {attempt_types, "qom-list-types", "{}", false},
    {attempt_qom_get, "qom-get", "false", true},
    {attempt_qom_get, "qom-get", "null", false},
    {attempt_qom_get_string, "qom-get", "\"\"", true},
    {attempt_qom_get_string, "qom-get", "7", false},
    {attempt_human, "human-monitor-command", "\"\"", true},
    {attempt_human, "human-monitor-command", "{}", false},
};

static void
script_replies(Peer *peer)
{
    peer_greet(peer);
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++)
        peer_answer(peer, CASES[i].command, CASES[i].reply);
    peer_linger(peer);
}

/* All on one connection: a reply of the wrong shape does not cost it. */
static void
wrong_shapes_are_garbage_and_nothing_more(void **state)
{
    g_auto(Peer) peer;
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);

    (void)state;
    peer_start(&peer, script_replies);
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autoptr(GError) error = NULL;
        if (CASES[i].attempt(peer.client, &wait, &error) != CASES[i].taken)
            fail_msg("%s: %s: %s", CASES[i].command, CASES[i].reply, error ? error->message : "taken");
        assert_int_equal(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE), !CASES[i].taken);
    }
    assert_int_equal(qmp_client_get_state(peer.client), QMP_CLIENT_READY);
}

static void
script_migrate_info(Peer *peer)
{
    g_autofree char *reason = g_strnfill(5000, 'r');

    peer_greet(peer);
    peer_say(
        peer,
        "{\"return\": {\"status\": \"failed\", \"error-desc\": \"a\\nb\", \"blocked-reasons\": [\"%s\"], "
        "\"ram\": {\"transferred\": 10, \"total\": 20, \"remaining\": -5}}, \"id\": %" G_GUINT64_FORMAT "}",
        reason, peer_expect(peer, "query-migrate"));
    peer_linger(peer);
}

static void
migration_figures_and_words_are_tamed(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);
    QmpMigrateInfo info = {0};

    (void)state;
    peer_start(&peer, script_migrate_info);
    assert_true(qmp_query_migrate(peer.client, &wait, &info, &error));
    assert_string_equal(info.status, "failed");
    assert_string_equal(info.error_desc, "a\\nb");
    assert_int_equal(info.ram_transferred_bytes, 10);
    assert_int_equal(info.ram_total_bytes, 20);
    assert_int_equal(info.ram_remaining_bytes, 0);
    assert_int_equal(g_strv_length(info.blocked_reasons), 1);
    assert_true(strlen(info.blocked_reasons[0]) <= 512);
    qmp_migrate_info_clear(&info);
}

static void
migration_that_nobody_knows_is_under_way(void **state)
{
    char idle[][16] = {"none", "completed", "failed", "cancelled"};
    char busy[][16] = {"setup", "active", "device", "pre-switchover", "cancelling", "something-new", ""};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(idle); i++)
        assert_true(qmp_migrate_info_is_idle(&(QmpMigrateInfo){.status = idle[i]}));
    for (size_t i = 0; i < G_N_ELEMENTS(busy); i++)
        assert_false(qmp_migrate_info_is_idle(&(QmpMigrateInfo){.status = busy[i]}));
}

static void
script_long_output(Peer *peer)
{
    g_autofree char *half = g_strnfill((64 << 10) - 1, 'x');

    peer_greet(peer);
    peer_say(peer, "{\"return\": \"%s\303\274%s\", \"id\": %" G_GUINT64_FORMAT "}", half, half,
             peer_expect(peer, "human-monitor-command"));
    peer_linger(peer);
}

static void
human_output_is_cut_between_characters(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);

    (void)state;
    peer_start(&peer, script_long_output);
    g_autofree char *output = qmp_human_monitor_command(peer.client, "info mtree", &wait, &error);
    assert_non_null(output);
    assert_int_equal(strlen(output), (64 << 10) - 1);
    assert_false(qmp_human_output_is_whole(output));
    output[(64 << 10) - 4] = '\0';
    assert_true(qmp_human_output_is_whole(output));
}

static void
script_arguments(Peer *peer)
{
    static const struct {
        const char *command, *arguments;
    } expected[] = {
        {"migrate-set-capabilities", "{\"capabilities\":[{\"capability\":\"x-ignore-shared\",\"state\":true},"
                                     "{\"capability\":\"return-path\",\"state\":true}]}"},
        {"migrate-incoming", "{\"uri\":\"unix:/run/m.sock\"}"},
        {"migrate", "{\"uri\":\"unix:/run/m.sock\"}"},
        {"migrate_cancel", NULL},
        {"closefd", "{\"fdname\":\"moult-state\"}"},
    };

    peer_greet(peer);
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
        peer_reply(peer, peer_expect_with(peer, expected[i].command, expected[i].arguments), "{}");
    peer_linger(peer);
}

static void
arguments_are_as_the_schema_has_them(void **state)
{
    const char *const names[] = {"x-ignore-shared", "return-path", NULL};
    g_auto(Peer) peer;
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);

    (void)state;
    peer_start(&peer, script_arguments);
    assert_true(qmp_migrate_set_capabilities(peer.client, names, true, &wait, NULL));
    assert_true(qmp_migrate_incoming(peer.client, "unix:/run/m.sock", &wait, NULL));
    assert_true(qmp_migrate(peer.client, "unix:/run/m.sock", &wait, NULL));
    assert_true(qmp_migrate_cancel(peer.client, &wait, NULL));
    assert_true(qmp_closefd(peer.client, "moult-state", &wait, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_shapes_are_garbage_and_nothing_more),
        cmocka_unit_test(migration_figures_and_words_are_tamed),
        cmocka_unit_test(migration_that_nobody_knows_is_under_way),
        cmocka_unit_test(human_output_is_cut_between_characters),
        cmocka_unit_test(arguments_are_as_the_schema_has_them),
    };

    alarm(50);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
