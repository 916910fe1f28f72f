/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The varlink server as its clients see it, well-behaved ones and others. */
#include "control-fixture.h"

#define PERMISSION_DENIED "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}"

/* Handlers: Undefine answers at once, Start and Wait keep the call, Watch floods, Jobs forgets to answer. */
static void
handle_undefine(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)user_data;
    if (strcmp(qmp_json_get_string(parameters, "name"), "odd") == 0)
        control_call_fail_invalid_parameter(call, "name");
    else
        control_call_reply(call, NULL);
}

static void
on_closed(ControlCall *call, gpointer user_data)
{
    Fixture *fixture = user_data;

    assert_true(control_call_is_closed(call));
    g_mutex_lock(&fixture->lock);
    g_ptr_array_remove(fixture->held, call);
    g_mutex_unlock(&fixture->lock);
    fixture_add(fixture, &fixture->n_closed);
}

static void
hold(ControlCall *call, Fixture *fixture)
{
    control_call_set_closed_func(call, on_closed, fixture);
    g_mutex_lock(&fixture->lock);
    g_ptr_array_add(fixture->held, control_call_ref(call));
    g_cond_broadcast(&fixture->changed);
    g_mutex_unlock(&fixture->lock);
}

static void
handle_hold(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)parameters;
    hold(call, user_data);
}

static void
handle_watch(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)parameters;
    for (int i = 0; i < 3; i++)
        control_call_reply_continues(call, NULL);
    hold(call, user_data);
}

static void
handle_forget(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)call;
    (void)parameters;
    (void)user_data;
}

static void
handle_list(ControlCall *call, json_object *parameters, gpointer user_data)
{
    json_object *reply = json_object_new_object();

    (void)parameters;
    (void)user_data;
    json_object_object_add(reply, "guests", json_object_new_array());
    control_call_reply(call, reply);
}

/* Not what the description says. */
static void
handle_history(ControlCall *call, json_object *parameters, gpointer user_data)
{
    json_object *reply = json_object_new_object();

    (void)parameters;
    (void)user_data;
    json_object_object_add(reply, "entries", json_object_new_boolean(true));
    control_call_reply(call, reply);
}

/* More than a socket holds. */
#define BIG_BYTES (2 << 20)

static void
handle_big(ControlCall *call, json_object *parameters, gpointer user_data)
{
    g_autofree char *text = g_strnfill(BIG_BYTES, 'x');
    json_object *reply = json_object_new_object(), *late = json_object_new_array();

    (void)parameters;
    json_object_array_add(late, json_object_new_string(text));
    json_object_object_add(reply, "late", late);
    control_call_reply(call, reply);
    fixture_add(user_data, &((Fixture *)user_data)->n_closed);
}

static const ControlMethod methods[] = {
    {.name = "io.moult.Cancel", .handle = handle_big},
    {.name = "io.moult.History", .handle = handle_history},
    {.name = "io.moult.Undefine", .handle = handle_undefine},
    {.name = "io.moult.Start", .handle = handle_hold},
    {.name = "io.moult.Wait", .handle = handle_hold},
    {.name = "io.moult.Watch", .handle = handle_watch, .needs_more = true},
    {.name = "io.moult.Jobs", .handle = handle_forget},
    {.name = "io.moult.List", .handle = handle_list},
};

static Fixture *
start(const ControlServerLimits *limits)
{
    return fixture_new(methods, G_N_ELEMENTS(methods), limits);
}

static gboolean
answer_held(gpointer user_data)
{
    Fixture *fixture = user_data;
    g_autoptr(GPtrArray) held = NULL;

    g_mutex_lock(&fixture->lock);
    held = g_steal_pointer(&fixture->held);
    fixture->held = g_ptr_array_new_with_free_func((GDestroyNotify)control_call_unref);
    g_mutex_unlock(&fixture->lock);
    for (guint i = 0; i < held->len; i++)
        control_call_fail(g_ptr_array_index(held, i), "io.moult.Failed", NULL);
    return G_SOURCE_REMOVE;
}

static void
wait_held(Fixture *fixture, guint n)
{
    fixture_wait_count(fixture, &fixture->held->len, n);
}

static void
info_and_descriptions_are_served(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
    client_expect(fd,
                  "{\"parameters\":{\"vendor\":\"moult\",\"product\":\"moultd\",\"version\":\"" MOULT_VERSION
                  "\",\"url\":\"\",\"interfaces\":[\"io.moult\",\"org.varlink.service\"]}}");
    client_send(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                    "\"parameters\":{\"interface\":\"io.moult\"}}");
    g_autoptr(json_object) reply = client_receive(fd);
    const char *text = qmp_json_get_string(qmp_json_get_object(reply, "parameters"), "description");
    assert_true(strstr(text, "interface io.moult\n") != NULL);
    client_send(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                    "\"parameters\":{\"interface\":\"io.other\"}}");
    client_expect(
        fd,
        "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"io.other\"}}");
    close(fd);
    fixture_free(fixture);
}

static void
bad_calls_get_the_errors_of_the_specification(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.other.Do\"}");
    client_expect(
        fd,
        "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"io.other\"}}");
    client_send(fd, "{\"method\":\"List\"}");
    client_expect(
        fd, "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"\"}}");
    client_send(fd, "{\"method\":\"io.moult.Do\"}");
    client_expect(
        fd, "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"io.moult.Do\"}}");
    client_send(fd, "{\"method\":\"io.moult.Capabilities\"}");
    client_expect(fd, "{\"error\":\"org.varlink.service.MethodNotImplemented\","
                      "\"parameters\":{\"method\":\"io.moult.Capabilities\"}}");
    client_send(fd, "{\"method\":\"io.moult.Watch\"}");
    client_expect(fd, "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}");
    client_send(fd, "{\"method\":\"io.moult.Undefine\"}");
    client_expect(
        fd, "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"name\"}}");
    client_send(fd, "{\"method\":\"io.moult.List\",\"parameters\":{\"everything\":true}}");
    client_expect(
        fd,
        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"everything\"}}");
    client_send(fd, "{\"method\":\"io.moult.List\",\"parameters\":[]}");
    client_expect(
        fd,
        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"parameters\"}}");
    client_send(fd, "{\"method\":\"io.moult.List\",\"upgrade\":true}");
    client_expect(
        fd,
        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"upgrade\"}}");
    client_send(fd, "{\"method\":\"io.moult.Undefine\",\"parameters\":{\"name\":\"odd\"}}");
    client_expect(
        fd, "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"name\"}}");
    close(fd);
    fixture_free(fixture);
}

static void
null_members_are_absent(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.List\",\"parameters\":null,\"more\":null,\"oneway\":null}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    close(fd);
    fixture_free(fixture);
}

static void
pipelined_calls_are_answered_in_order(void **state)
{
    (void)state;
    static const char calls[] = "{\"method\":\"io.moult.Start\",\"parameters\":{\"name\":\"a\"}}\0"
                                "{\"method\":\"io.moult.List\"}\0"
                                "{\"method\":\"io.moult.Do\"}";
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send_bytes(fd, calls, sizeof(calls));
    wait_held(fixture, 1);
    fixture_invoke(fixture, answer_held);
    client_expect(fd, "{\"error\":\"io.moult.Failed\",\"parameters\":{}}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    client_expect(
        fd, "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"io.moult.Do\"}}");
    close(fd);
    fixture_free(fixture);
}

static void
a_call_under_way_holds_up_nobody_else(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int waiting = client_connect(fixture), other = client_connect(fixture);

    client_send(waiting, "{\"method\":\"io.moult.Wait\",\"parameters\":{\"name\":\"a\"}}");
    wait_held(fixture, 1);
    client_send(other, "{\"method\":\"io.moult.List\"}");
    client_expect(other, "{\"parameters\":{\"guests\":[]}}");
    close(waiting);
    close(other);
    fixture_wait_count(fixture, &fixture->n_closed, 1);
    fixture_free(fixture);
}

static void
more_streams_until_the_last_reply(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Watch\",\"more\":true}");
    for (int i = 0; i < 3; i++)
        client_expect(fd, "{\"parameters\":{},\"continues\":true}");
    wait_held(fixture, 1);
    fixture_invoke(fixture, answer_held);
    client_expect(fd, "{\"error\":\"io.moult.Failed\",\"parameters\":{}}");
    client_send(fd, "{\"method\":\"io.moult.List\"}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    close(fd);
    fixture_free(fixture);
}

static void
oneway_calls_are_not_answered(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Do\",\"oneway\":true}");
    client_send(fd, "{\"method\":\"io.moult.Undefine\",\"parameters\":{\"name\":\"a\"},\"oneway\":true}");
    client_send(fd, "{\"method\":\"io.moult.List\"}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    close(fd);
    fixture_free(fixture);
}

static void
what_was_sent_before_leaving_is_still_done(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    /* The first call is under way when the client goes; the second is read only after that. */
    client_send(fd, "{\"method\":\"io.moult.Wait\",\"parameters\":{\"name\":\"a\"}}");
    wait_held(fixture, 1);
    client_send(fd, "{\"method\":\"io.moult.Start\",\"parameters\":{\"name\":\"b\"},\"oneway\":true}");
    close(fd);
    fixture_wait_count(fixture, &fixture->n_closed, 2);
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    fixture_free(fixture);
}

static void
half_closed_clients_get_their_replies(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Start\",\"parameters\":{\"name\":\"a\"}}");
    client_send(fd, "{\"method\":\"io.moult.List\"}");
    shutdown(fd, SHUT_WR);
    wait_held(fixture, 1);
    fixture_invoke(fixture, answer_held);
    client_expect(fd, "{\"error\":\"io.moult.Failed\",\"parameters\":{}}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    client_expect_closed(fd);
    assert_int_equal(fixture_get_count(fixture, &fixture->n_closed), 0);
    close(fd);
    fixture_free(fixture);
}

static void
answers_after_the_client_left_are_dropped(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Start\",\"parameters\":{\"name\":\"a\"}}");
    wait_held(fixture, 1);
    g_autoptr(ControlCall) call = fixture_ref_held(fixture);
    close(fd);
    /* The closed function has dropped the handler's reference; ours keeps the client counted. */
    fixture_wait_count(fixture, &fixture->n_closed, 1);
    assert_int_equal(fixture_get_count(fixture, &fixture->n_clients), 1);
    g_clear_pointer(&call, control_call_unref);
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    fixture_free(fixture);
}

static void
clients_that_do_not_read_are_disconnected(void **state)
{
    (void)state;
    ControlServerLimits limits = CONTROL_SERVER_LIMITS;
    limits.connection.stream.output_bytes = 64;
    Fixture *fixture = start(&limits);
    int fd = client_connect(fixture), small = 1;

    /* More calls than the two socket buffers and the queue can hold replies. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    static const char call[] = "{\"method\":\"io.moult.List\"}";
    for (int i = 0; i < 200000; i++)
        if (send(fd, call, sizeof(call), MSG_NOSIGNAL) < 0)
            break;
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    close(fd);
    fixture_free(fixture);
}

/* After MESSAGE (LENGTH bytes) the client is disconnected, and the server is well. */
static void
assert_disconnects(const char *message, size_t length)
{
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture), other = client_connect(fixture);

    client_send_bytes(fd, message, length);
    client_expect_closed(fd);
    fixture_wait_count(fixture, &fixture->n_clients, 1);
    client_send(other, "{\"method\":\"io.moult.List\"}");
    client_expect(other, "{\"parameters\":{\"guests\":[]}}");
    close(fd);
    close(other);
    fixture_free(fixture);
}

static void
garbage_is_disconnected(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "",
        "[]",
        "{}",
        "{\"method\":1}",
        "{\"method\":\"io.moult.List\",\"more\":1}",
        "{\"method\":\"io.moult.List\",\"more\":true,\"oneway\":true}",
        "{\"method\":\"io.moult.List\"}{}",
        "{\"method\":\"io.moult.\xff\"}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(messages); i++)
        assert_disconnects(messages[i], strlen(messages[i]) + 1);
}

static void
too_deep_and_too_long_are_disconnected(void **state)
{
    (void)state;
    g_autoptr(GString) text = g_string_new("{\"parameters\":");

    for (int i = 0; i < 40; i++)
        g_string_append(text, "[");
    assert_disconnects(text->str, text->len);
    g_string_assign(text, "{\"method\":\"");
    for (int i = 0; i < 1 << 20; i++)
        g_string_append_c(text, 'x');
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);
    for (int i = 0; i < 100; i++)
        if (send(fd, text->str, text->len, MSG_NOSIGNAL) < 0)
            break;
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    close(fd);
    fixture_free(fixture);
}

static void
half_a_message_has_a_deadline(void **state)
{
    (void)state;
    ControlServerLimits limits = CONTROL_SERVER_LIMITS;
    limits.connection.half_message_ms = 50;
    Fixture *fixture = start(&limits);
    int fd = client_connect(fixture), silent = client_connect(fixture), waiting = client_connect(fixture);

    client_send(waiting, "{\"method\":\"io.moult.Wait\",\"parameters\":{\"name\":\"a\"}}");
    client_send_bytes(waiting, "{\"method\"", 9);
    client_send(fd, "{\"method\":\"io.moult.List\"}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    client_send_bytes(fd, "{\"method\"", 9);
    client_expect_closed(fd);
    /* One that says nothing may stay, and so may one that waits for its answer. */
    fixture_wait_count(fixture, &fixture->n_clients, 2);
    client_send(silent, "{\"method\":\"io.moult.List\"}");
    client_expect(silent, "{\"parameters\":{\"guests\":[]}}");
    close(fd);
    close(silent);
    close(waiting);
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    fixture_free(fixture);
}

static void
clients_past_the_limit_are_disconnected(void **state)
{
    (void)state;
    ControlServerLimits limits = CONTROL_SERVER_LIMITS;
    limits.clients = 1;
    Fixture *fixture = start(&limits);
    int first = client_connect(fixture);
    fixture_wait_count(fixture, &fixture->n_clients, 1);
    int second = client_connect(fixture);

    client_expect_closed(second);
    client_send(first, "{\"method\":\"io.moult.List\"}");
    client_expect(first, "{\"parameters\":{\"guests\":[]}}");
    close(first);
    close(second);
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    int third = client_connect(fixture);
    client_send(third, "{\"method\":\"io.moult.List\"}");
    client_expect(third, "{\"parameters\":{\"guests\":[]}}");
    close(third);
    fixture_free(fixture);
}

static void
other_users_are_denied(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    Fixture *fixture = start(NULL);
    /* Connecting as somebody else: only the effective uid counts for SO_PEERCRED. */
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    assert_int_equal(chmod(fixture->path, 0666), 0);
    assert_int_equal(seteuid(65534), 0);
    int fd = client_connect(fixture);
    assert_int_equal(seteuid(0), 0);

    client_send(fd, "{\"method\":\"io.moult.List\"}");
    client_expect(fd, PERMISSION_DENIED);
    client_send(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
    client_expect(fd, PERMISSION_DENIED);
    close(fd);
    fixture_free(fixture);
}

static gboolean
accept_last(gpointer user_data)
{
    Fixture *fixture = user_data;

    if (!control_server_accept_last(fixture->server))
        fixture_add(fixture, &fixture->n_closed);
    return G_SOURCE_REMOVE;
}

static void
an_idle_server_stops_accepting(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.List\"}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    fixture_invoke(fixture, accept_last);
    client_send(fd, "{\"method\":\"io.moult.List\"}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    assert_int_equal(fixture_get_count(fixture, &fixture->n_closed), 0);
    close(fd);
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    fixture_invoke(fixture, accept_last);
    fixture_wait_count(fixture, &fixture->n_closed, 1);
    fixture_free(fixture);
}

#define DRAIN_MS 100

static gboolean
drain(gpointer user_data)
{
    Fixture *fixture = user_data;

    control_server_drain(fixture->server, TEST_DEADLINE_S * 1000);
    g_main_loop_quit(fixture->loop);
    return G_SOURCE_REMOVE;
}

static gboolean
drain_for_a_moment(gpointer user_data)
{
    Fixture *fixture = user_data;

    control_server_drain(fixture->server, DRAIN_MS);
    fixture_add(fixture, &fixture->n_closed);
    return G_SOURCE_REMOVE;
}

static void
a_leaving_server_lets_its_answers_be_taken(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Cancel\",\"parameters\":{\"job\":1}}");
    fixture_wait_count(fixture, &fixture->n_closed, 1);
    fixture_invoke(fixture, drain);
    g_autoptr(json_object) reply = client_receive(fd);
    json_object *late = qmp_json_get_array(qmp_json_get_object(reply, "parameters"), "late");
    assert_int_equal(json_object_get_string_len(json_object_array_get_idx(late, 0)), BIG_BYTES);
    client_expect_closed(fd);
    close(fd);
    fixture_free(fixture);
}

static void
a_leaving_server_does_not_wait_for_ever(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Cancel\",\"parameters\":{\"job\":1}}");
    fixture_wait_count(fixture, &fixture->n_closed, 1);
    fixture_invoke(fixture, drain_for_a_moment);
    fixture_wait_count(fixture, &fixture->n_closed, 2);
    close(fd);
    fixture_free(fixture);
}

static void
count_log(const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
    (void)domain;
    (void)level;
    (void)message;
    fixture_add(user_data, &((Fixture *)user_data)->n_closed);
}

static void
forgotten_calls_end_the_connection(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    GLogLevelFlags fatal = g_log_set_always_fatal(G_LOG_LEVEL_ERROR);
    guint handler = g_log_set_handler("moult-control", G_LOG_LEVEL_CRITICAL, count_log, fixture);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Jobs\"}");
    client_expect_closed(fd);
    fixture_wait_count(fixture, &fixture->n_clients, 0);
    assert_int_equal(fixture_get_count(fixture, &fixture->n_closed), 1);
    close(fd);
    fixture_free(fixture);
    g_log_remove_handler("moult-control", handler);
    g_log_set_always_fatal(fatal);
}

static void
replies_that_break_the_description_are_logged_and_sent(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    guint handler = g_log_set_handler("moult-control", G_LOG_LEVEL_WARNING, count_log, fixture);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.History\"}");
    client_expect(fd, "{\"parameters\":{\"entries\":true}}");
    assert_int_equal(fixture_get_count(fixture, &fixture->n_closed), 1);
    client_send(fd, "{\"method\":\"io.moult.List\"}");
    client_expect(fd, "{\"parameters\":{\"guests\":[]}}");
    assert_int_equal(fixture_get_count(fixture, &fixture->n_closed), 1);
    close(fd);
    fixture_free(fixture);
    g_log_remove_handler("moult-control", handler);
}

static void
a_server_ends_with_calls_under_way(void **state)
{
    (void)state;
    Fixture *fixture = start(NULL);
    int fd = client_connect(fixture);

    client_send(fd, "{\"method\":\"io.moult.Start\",\"parameters\":{\"name\":\"a\"}}");
    wait_held(fixture, 1);
    g_autoptr(ControlCall) call = fixture_ref_held(fixture);
    GMainContext *context = g_main_context_ref(fixture->context);
    fixture_free(fixture);
    client_expect_closed(fd);
    assert_true(control_call_is_closed(call));
    control_call_reply(call, NULL);
    /* Freed from the context that the call belongs to, which nobody runs any more. */
    assert_true(g_main_context_acquire(context));
    g_clear_pointer(&call, control_call_unref);
    g_main_context_release(context);
    g_main_context_unref(context);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_and_descriptions_are_served),
        cmocka_unit_test(bad_calls_get_the_errors_of_the_specification),
        cmocka_unit_test(null_members_are_absent),
        cmocka_unit_test(pipelined_calls_are_answered_in_order),
        cmocka_unit_test(a_call_under_way_holds_up_nobody_else),
        cmocka_unit_test(more_streams_until_the_last_reply),
        cmocka_unit_test(oneway_calls_are_not_answered),
        cmocka_unit_test(what_was_sent_before_leaving_is_still_done),
        cmocka_unit_test(half_closed_clients_get_their_replies),
        cmocka_unit_test(answers_after_the_client_left_are_dropped),
        cmocka_unit_test(clients_that_do_not_read_are_disconnected),
        cmocka_unit_test(garbage_is_disconnected),
        cmocka_unit_test(too_deep_and_too_long_are_disconnected),
        cmocka_unit_test(half_a_message_has_a_deadline),
        cmocka_unit_test(clients_past_the_limit_are_disconnected),
        cmocka_unit_test(other_users_are_denied),
        cmocka_unit_test(an_idle_server_stops_accepting),
        cmocka_unit_test(a_leaving_server_lets_its_answers_be_taken),
        cmocka_unit_test(a_leaving_server_does_not_wait_for_ever),
        cmocka_unit_test(forgotten_calls_end_the_connection),
        cmocka_unit_test(replies_that_break_the_description_are_logged_and_sent),
        cmocka_unit_test(a_server_ends_with_calls_under_way),
    };

    return cmocka_run_group_tests_name("control-server", tests, NULL, NULL);
}
