/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions asked ahead, against a scripted peer that counts what it hears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qmp-peer.h"

#define LONG_MS 20000

static json_object *
path(const char *path)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "path", path);
    return arguments;
}

/* What COMMAND is answered. */
static void
expect_answer(QmpClient *client, const char *command, json_object *arguments, const char *expected)
{
    g_autoptr(json_object) reply = NULL;
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);

    if (!qmp_client_call(client, command, arguments, &wait, &reply, &error))
        fail_msg("%s", error->message);
    assert_string_equal(qmp_json_to_text(reply, NULL), expected);
    /* It is the caller's own. */
    if (json_object_is_type(reply, json_type_object))
        json_object_object_add(reply, "spoilt", NULL);
}

static void
begin(Peer *peer, PeerScript script)
{
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);

    peer_start(peer, script);
    assert_true(qmp_client_wait_ready(peer->client, &wait, NULL));
}

/* The peer hears each of these exactly once, in this order; a command too many is not what it expects next. */
static void
script_asked_once(Peer *peer)
{
    peer_greet(peer);
    peer_answer(peer, "query-first", "{\"n\": 1}");
    peer_answer(peer, "query-list", "{\"of\": \"a\"}");
    peer_answer(peer, "query-list", "{\"of\": \"b\"}");
    peer_answer(peer, "query-first", "{\"n\": 2}");
    peer_linger(peer);
}

static void
an_answer_serves_every_call_until_it_is_forgotten(void **state)
{
    g_auto(Peer) peer;

    (void)state;
    begin(&peer, script_asked_once);
    qmp_client_ask_ahead(peer.client, "query-first", NULL);
    qmp_client_ask_ahead(peer.client, "query-first", NULL); /* is asked already */
    qmp_client_ask_ahead(peer.client, "query-list", path("a"));
    expect_answer(peer.client, "query-list", path("a"), "{\"of\":\"a\"}");
    expect_answer(peer.client, "query-list", path("b"), "{\"of\":\"b\"}"); /* other arguments: another question */
    expect_answer(peer.client, "query-first", NULL, "{\"n\":1}");
    expect_answer(peer.client, "query-first", NULL, "{\"n\":1}");
    qmp_client_forget_ahead(peer.client);
    expect_answer(peer.client, "query-first", NULL, "{\"n\":2}");
}

static void
script_unused(Peer *peer)
{
    peer_greet(peer);
    peer_answer(peer, "query-unused", "{\"n\": 1}");
    peer_answer(peer, "query-unused", "{\"n\": 2}");
    peer_linger(peer);
}

static void
what_nobody_took_is_not_taken_for_a_later_answer(void **state)
{
    g_auto(Peer) peer;

    (void)state;
    begin(&peer, script_unused);
    qmp_client_ask_ahead(peer.client, "query-unused", NULL);
    qmp_client_forget_ahead(peer.client);
    expect_answer(peer.client, "query-unused", NULL, "{\"n\":2}");
}

static void
script_constant(Peer *peer)
{
    peer_greet(peer);
    peer_answer(peer, "query-kvm", "{\"enabled\": false}");
    peer_answer(peer, "qom-get", "\"/objects/ram\"");
    peer_answer(peer, "query-unused", "{\"n\": 1}");
    peer_answer(peer, "cont", "{}");
    peer_answer(peer, "query-unused", "{\"n\": 2}");
    peer_linger(peer);
}

static void
what_is_constant_is_asked_once(void **state)
{
    g_auto(Peer) peer;

    (void)state;
    begin(&peer, script_constant);
    qmp_client_ask_constant(peer.client, "query-kvm", NULL);
    qmp_client_ask_constant(peer.client, "qom-get", path("/machine"));
    qmp_client_ask_ahead(peer.client, "query-unused", NULL);
    qmp_client_forget_ahead(peer.client); /* it is not answered yet */
    expect_answer(peer.client, "query-kvm", NULL, "{\"enabled\":false}");
    expect_answer(peer.client, "cont", NULL, "{}");
    qmp_client_ask_constant(peer.client, "query-kvm", NULL);
    expect_answer(peer.client, "query-unused", NULL, "{\"n\":2}");
    expect_answer(peer.client, "query-kvm", NULL, "{\"enabled\":false}");
    expect_answer(peer.client, "qom-get", path("/machine"), "\"/objects/ram\"");
    expect_answer(peer.client, "qom-get", path("/machine"), "\"/objects/ram\"");
}

static void
script_changes(Peer *peer)
{
    peer_greet(peer);
    peer_answer(peer, "query-block", "[1]");
    peer_answer(peer, "query-vnc", "[]");
    peer_answer(peer, "human-monitor-command", "\"nothing\"");
    peer_answer(peer, "block_set_io_throttle", "{}");
    peer_answer(peer, "query-block", "[2]");
    peer_linger(peer);
}

static void
what_changes_something_ends_the_stretch(void **state)
{
    g_auto(Peer) peer;
    json_object *arguments = json_object_new_object();

    (void)state;
    qmp_json_add_string(arguments, "command-line", "info network");
    begin(&peer, script_changes);
    qmp_client_ask_ahead(peer.client, "query-block", NULL);
    expect_answer(peer.client, "query-vnc", NULL, "[]"); /* another question does not */
    expect_answer(peer.client, "human-monitor-command", arguments, "\"nothing\"");
    expect_answer(peer.client, "query-block", NULL, "[1]");
    expect_answer(peer.client, "block_set_io_throttle", NULL, "{}");
    expect_answer(peer.client, "query-block", NULL, "[2]");
}

static void
script_error(Peer *peer)
{
    peer_greet(peer);
    peer_refuse(peer, peer_expect(peer, "query-refused"), "no such thing");
    peer_linger(peer);
}

static void
an_error_is_an_answer_too(void **state)
{
    g_auto(Peer) peer;
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);

    (void)state;
    begin(&peer, script_error);
    qmp_client_ask_ahead(peer.client, "query-refused", NULL);
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        assert_false(qmp_client_call(peer.client, "query-refused", NULL, &wait, NULL, &error));
        assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE));
    }
}

/* Silent to the question asked ahead; the one asked after that is answered. */
static void
script_late(Peer *peer)
{
    peer_greet(peer);
    guint64 ahead = peer_expect(peer, "query-slow");
    guint64 again = peer_expect(peer, "query-slow");
    peer_reply(peer, ahead, "{\"n\": 1}");
    peer_reply(peer, again, "{\"n\": 2}");
    peer_linger(peer);
}

static void
what_is_not_answered_in_time_is_asked_by_the_next_call(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait moment = qmp_wait_from_now(30, -1);

    (void)state;
    begin(&peer, script_late);
    qmp_client_ask_ahead(peer.client, "query-slow", NULL);
    assert_false(qmp_client_call(peer.client, "query-slow", NULL, &moment, NULL, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT));
    expect_answer(peer.client, "query-slow", NULL, "{\"n\":2}");
}

static void
script_many(Peer *peer)
{
    peer_greet(peer);
    for (int i = 0; i < 64; i++) {
        g_autofree char *result = g_strdup_printf("{\"ahead\": %d}", i);
        peer_answer(peer, "query-list", result);
    }
    peer_answer(peer, "query-list", "{\"ahead\": -1}");
    peer_linger(peer);
}

static void
they_are_bounded_in_number(void **state)
{
    g_auto(Peer) peer;

    (void)state;
    begin(&peer, script_many);
    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("%d", i);
        qmp_client_ask_ahead(peer.client, "query-list", path(name));
    }
    expect_answer(peer.client, "query-list", path("63"), "{\"ahead\":63}");
    expect_answer(peer.client, "query-list", path("64"), "{\"ahead\":-1}"); /* by the call itself */
}

static void
script_gone(Peer *peer)
{
    peer_greet(peer);
    peer_expect(peer, "query-first");
}

static void
a_peer_that_goes_meanwhile_fails_the_call(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);

    (void)state;
    begin(&peer, script_gone);
    qmp_client_ask_ahead(peer.client, "query-first", NULL);
    assert_false(qmp_client_call(peer.client, "query-first", NULL, &wait, NULL, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CLOSED));
    qmp_client_ask_ahead(peer.client, "query-second", NULL); /* no harm */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_serves_every_call_until_it_is_forgotten),
        cmocka_unit_test(what_nobody_took_is_not_taken_for_a_later_answer),
        cmocka_unit_test(what_changes_something_ends_the_stretch),
        cmocka_unit_test(what_is_constant_is_asked_once),
        cmocka_unit_test(an_error_is_an_answer_too),
        cmocka_unit_test(what_is_not_answered_in_time_is_asked_by_the_next_call),
        cmocka_unit_test(they_are_bounded_in_number),
        cmocka_unit_test(a_peer_that_goes_meanwhile_fails_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
