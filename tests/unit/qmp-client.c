/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client against a scripted peer that does what a real QEMU hardly ever does. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmp-peer.h"

#define LONG_MS 20000

static QmpWait
long_wait(void)
{
    return qmp_wait_from_now(LONG_MS, -1);
}

static void
check_ok(bool succeeded, const GError *error)
{
    if (!succeeded)
        fail_msg("%s", error ? error->message : "failed without an error");
    assert_null(error);
}

/* CALL first, which sets ERROR; the arguments of a function may be taken in any order. */
#define assert_ok(call, error)                                                                               \
    do {                                                                                                     \
        bool succeeded_ = (call);                                                                            \
        check_ok(succeeded_, error);                                                                         \
    } while (0)

/* ERROR is CODE and says WORDS; clears it. */
static void
assert_error(GError **error, QmpClientError code, const char *words)
{
    assert_non_null(*error);
    if (!g_error_matches(*error, QMP_CLIENT_ERROR, (gint)code) || !strstr((*error)->message, words))
        fail_msg("error %d '%s' instead of %d '%s'", (*error)->code, (*error)->message, (int)code, words);
    assert_true(g_utf8_validate((*error)->message, -1, NULL));
    g_clear_error(error);
}

static void
assert_call_works(QmpClient *client)
{
    g_autoptr(json_object) reply = NULL;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    assert_ok(qmp_client_call(client, "last", NULL, &wait, &reply, &error), error);
    assert_string_equal(qmp_json_to_text(reply, NULL), "{\"last\":true}");
}

static void
answer_last(Peer *peer)
{
    peer_answer(peer, "last", "{\"last\": true}");
    peer_linger(peer);
}

/* --- greeting --- */

static void
script_greet(Peer *peer)
{
    peer_greet(peer);
    answer_last(peer);
}

static void
greeting_makes_ready(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    int major, minor, micro;

    (void)state;
    peer_start(&peer, script_greet);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    assert_int_equal(qmp_client_get_state(peer.client), QMP_CLIENT_READY);
    assert_true(qmp_client_get_version(peer.client, &major, &minor, &micro));
    assert_int_equal(major * 10000 + minor * 100 + micro, 70222);
    assert_string_equal(qmp_client_get_package(peer.client), "Debian 1:7.2");
    assert_call_works(peer.client);
}

static void
script_byte_by_byte(Peer *peer)
{
    for (const char *c = PEER_GREETING; *c; c++)
        peer_write(peer, c, 1);
    g_autofree char *reply = g_strdup_printf("{\n  \"return\": {},\n  \"id\": %" G_GUINT64_FORMAT "\n}\n",
                                             peer_expect(peer, "qmp_capabilities"));
    for (const char *c = reply; *c; c++)
        peer_write(peer, c, 1);
    answer_last(peer);
}

static void
greeting_may_come_in_pieces(void **state)
{
    g_auto(Peer) peer;

    (void)state;
    peer_start(&peer, script_byte_by_byte);
    assert_call_works(peer.client);
}

/* What was on its way to the monitor's client before us. */
static void
script_leftovers(Peer *peer)
{
    peer_event(peer, "STOP");
    peer_say(peer, "{\"return\": {\"stale\": true}, \"id\": 1}");
    peer_say(peer, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"stale\"}}");
    peer_greet(peer);
    peer_say(peer, "{\"return\": {\"stale\": true}, \"id\": \"libvirt-7\"}{\"return\": {}, \"id\": 2}");
    answer_last(peer);
}

static void
leftovers_of_another_client_are_ignored(void **state)
{
    g_auto(Peer) peer;

    (void)state;
    peer_start(&peer, script_leftovers);
    assert_call_works(peer.client);
    g_autoptr(QmpEvent) event = qmp_client_pop_event(peer.client);
    assert_string_equal(event->name, "STOP");
}

static void
silence_before_the_greeting_is_busy(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = qmp_wait_from_now(30, -1);

    (void)state;
    peer_start(&peer, peer_linger);
    assert_false(qmp_client_wait_ready(peer.client, &wait, &error));
    assert_error(&error, QMP_CLIENT_ERROR_BUSY, "guest: no greeting");
    assert_int_equal(qmp_client_get_state(peer.client), QMP_CLIENT_GREETING);
    assert_int_equal(qmp_client_send(peer.client, "stop", NULL, &error), 0);
    assert_error(&error, QMP_CLIENT_ERROR_BUSY, "no greeting");
}

static void
script_half_greeting(Peer *peer)
{
    peer_say(peer, "{\"QMP\":");
    peer_linger(peer);
}

static void
half_a_greeting_is_not_busy(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;

    (void)state;
    peer_start(&peer, script_half_greeting);
    /* Until the half has come, so that the wait below cannot miss it. */
    struct pollfd fd = {.fd = qmp_client_get_fd(peer.client), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, LONG_MS), 1);
    QmpWait wait = qmp_wait_from_now(30, -1);
    assert_false(qmp_client_wait_ready(peer.client, &wait, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "greeting");
}

static void
script_refuse_capabilities(Peer *peer)
{
    peer_say(peer, PEER_GREETING);
    peer_refuse(peer, peer_expect(peer, "qmp_capabilities"), "no");
    peer_linger(peer);
}

static void
refused_negotiation_closes(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    (void)state;
    peer_start(&peer, script_refuse_capabilities);
    assert_false(qmp_client_wait_ready(peer.client, &wait, &error));
    assert_error(&error, QMP_CLIENT_ERROR_GARBAGE, "qmp_capabilities refused: no");
}

/* --- replies --- */

static void
script_errors(Peer *peer)
{
    g_autofree char *filler = g_strnfill(100000, 'd'), *desc = g_strconcat("a\\nb\\u001b[31m", filler, NULL);

    peer_greet(peer);
    peer_refuse(peer, peer_expect(peer, "one"), desc);
    peer_say(
        peer,
        "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command two has not been found\"}, "
        "\"id\": %" G_GUINT64_FORMAT "}",
        peer_expect(peer, "two"));
    peer_say(peer, "{\"error\": 7, \"id\": %" G_GUINT64_FORMAT "}", peer_expect(peer, "three"));
    peer_expect(peer, "four");
    peer_say(peer, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}");
    answer_last(peer);
}

static void
errors_are_quoted_cut_and_told_apart(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    (void)state;
    peer_start(&peer, script_errors);
    assert_false(qmp_client_call(peer.client, "one", NULL, &wait, NULL, &error));
    assert_true(strlen(error->message) <= 512);
    assert_error(&error, QMP_CLIENT_ERROR_REMOTE, "a\\nb\\x1b[31mdddd");
    assert_false(qmp_client_call(peer.client, "two", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_NO_COMMAND, "The command two has not been found");
    assert_false(qmp_client_call(peer.client, "three", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_REMOTE, "an error without description");
    assert_false(qmp_client_call(peer.client, "four", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_REMOTE, "JSON parse error");
    assert_call_works(peer.client);
}

static void
script_late_reply(Peer *peer)
{
    peer_greet(peer);
    guint64 late = peer_expect(peer, "slow");
    guint64 last = peer_expect(peer, "last");
    peer_reply(peer, late, "{\"late\": true}");
    peer_reply(peer, last, "{\"last\": true}");
    peer_linger(peer);
}

static void
a_reply_after_the_deadline_is_dropped(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) reply = NULL;
    QmpWait wait = long_wait();

    (void)state;
    peer_start(&peer, script_late_reply);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    wait = qmp_wait_from_now(30, -1);
    assert_false(qmp_client_call(peer.client, "slow", NULL, &wait, &reply, &error));
    assert_null(reply);
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "slow: no answer in time");
    assert_call_works(peer.client);
}

static void
script_reversed(Peer *peer)
{
    guint64 ids[10];

    peer_greet(peer);
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
        ids[i] = peer_expect(peer, "numbered");
    for (guint i = G_N_ELEMENTS(ids); i-- > 0;)
        peer_say(peer, "{\"return\": {\"n\": %u}, \"id\": %" G_GUINT64_FORMAT "}", i, ids[i]);
    answer_last(peer);
}

static void
pipelined_replies_find_their_commands(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    guint64 ids[10];

    (void)state;
    peer_start(&peer, script_reversed);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
        assert_true((ids[i] = qmp_client_send(peer.client, "numbered", NULL, NULL)) > 0);
    qmp_client_forget(peer.client, ids[5]);
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(json_object) reply = NULL;
        gint64 n = -1;
        if (i == 5)
            continue;
        assert_ok(qmp_client_collect(peer.client, ids[i], &wait, &reply, &error), error);
        assert_true(qmp_json_get_int64(reply, "n", &n));
        assert_int_equal(n, i);
    }
    assert_false(qmp_client_collect(peer.client, ids[5], &wait, NULL, &error));
    g_clear_error(&error);
    assert_false(qmp_client_collect(peer.client, ids[0], &wait, NULL, &error)); /* already taken */
    g_clear_error(&error);
    assert_call_works(peer.client);
}

static void
script_collect_later(Peer *peer)
{
    peer_greet(peer);
    guint64 id = peer_expect(peer, "slow");
    peer_expect(peer, "go on");
    peer_reply(peer, id, "[]");
    answer_last(peer);
}

static void
collecting_can_be_tried_again(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait(), moment;

    (void)state;
    peer_start(&peer, script_collect_later);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    guint64 id = qmp_client_send(peer.client, "slow", NULL, NULL);
    moment = qmp_wait_from_now(30, -1);
    assert_false(qmp_client_collect(peer.client, id, &moment, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "reply");
    qmp_client_forget(peer.client, qmp_client_send(peer.client, "go on", NULL, NULL));
    assert_ok(qmp_client_collect(peer.client, id, &wait, NULL, &error), error);
    assert_call_works(peer.client);
}

static void
script_deaf(Peer *peer)
{
    peer_greet(peer);
    peer_linger(peer);
}

static void
commands_without_replies_are_bounded(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    guint n = 0;

    (void)state;
    peer_start(&peer, script_deaf);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    while (qmp_client_send(peer.client, "never", NULL, &error) != 0)
        assert_true(++n < 10000);
    assert_int_equal(n, 256);
    assert_error(&error, QMP_CLIENT_ERROR_BUSY, "too many commands");
}

static void
script_eager(Peer *peer)
{
    peer_greet(peer);
    for (guint i = 0; i < 300; i++)
        peer_answer(peer, "wasted", "{}");
    answer_last(peer);
}

static void
replies_nobody_collects_are_dropped(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    guint64 ids[300];

    (void)state;
    peer_start(&peer, script_eager);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
        assert_true((ids[i] = qmp_client_send(peer.client, "wasted", NULL, NULL)) > 0);
        /* They are answered in order: with every hundredth the ones before are in. */
        if (i % 100 == 99)
            assert_ok(qmp_client_collect(peer.client, ids[i], &wait, NULL, &error), error);
    }
    assert_false(qmp_client_collect(peer.client, ids[0], &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_GARBAGE, "dropped");
    assert_ok(qmp_client_collect(peer.client, ids[298], &wait, NULL, &error), error);
    assert_call_works(peer.client);
}

static void
script_huge_reply(Peer *peer)
{
    g_autofree char *filler = g_strnfill(1 << 20, 'x');

    peer_greet(peer);
    peer_expect(peer, "huge");
    peer_say(peer, "{\"return\": \"");
    for (guint i = 0; i < 1024 && peer_write(peer, filler, 1 << 20); i++)
        ;
}

/* A gigabyte is on offer; what is taken of it is a few times the limit of 8 MiB. */
static void
a_huge_reply_costs_bounded_memory(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    struct rusage before, after;

    (void)state;
    getrusage(RUSAGE_SELF, &before);
    peer_start(&peer, script_huge_reply);
    assert_false(qmp_client_call(peer.client, "huge", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_GARBAGE, "too long");
    assert_int_equal(qmp_client_get_state(peer.client), QMP_CLIENT_CLOSED);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss <
                128 << 10); /* KiB; room for the sanitizers' quarantine */
}

/* --- events --- */

static void
script_events(Peer *peer)
{
    peer_greet(peer);
    peer_event(peer, "RTC_CHANGE");
    peer_event(peer, "STOP");
    peer_say(peer, "{\"event\": \"NIC_RX\", \"timestamp\": {\"seconds\": -1, \"microseconds\": -1}}");
    answer_last(peer);
}

static void
events_wait_in_order(void **state)
{
    g_auto(Peer) peer;

    (void)state;
    peer_start(&peer, script_events);
    assert_call_works(peer.client);
    g_autoptr(QmpEvent) first = qmp_client_pop_event(peer.client);
    g_autoptr(QmpEvent) second = qmp_client_pop_event(peer.client);
    g_autoptr(QmpEvent) third = qmp_client_pop_event(peer.client);
    assert_string_equal(first->name, "RTC_CHANGE");
    assert_true(first->timestamp_us == 1700000000123456);
    assert_non_null(qmp_json_get_object(first->data, "n") ? NULL : first->data);
    assert_string_equal(second->name, "STOP");
    assert_string_equal(third->name, "NIC_RX");
    assert_null(third->data);
    assert_true(third->timestamp_us == -1);
    assert_null(qmp_client_pop_event(peer.client));
}

static void
wait_event_takes_its_own_and_leaves_others(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    (void)state;
    peer_start(&peer, script_events);
    g_autoptr(QmpEvent) nic = qmp_client_wait_event(peer.client, "NIC_RX", &wait, &error);
    assert_ok(nic != NULL, error);
    g_autoptr(QmpEvent) any = qmp_client_wait_event(peer.client, NULL, &wait, &error);
    assert_string_equal(any->name, "RTC_CHANGE");
    g_autoptr(QmpEvent) stop = qmp_client_wait_event(peer.client, "STOP", &wait, &error);
    assert_string_equal(stop->name, "STOP");
    QmpWait moment = qmp_wait_from_now(30, -1);
    assert_null(qmp_client_wait_event(peer.client, "STOP", &moment, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "STOP");
    assert_call_works(peer.client);
}

/* Over them one comes to the end of the time that one has, even where they come without an end. */
static void
wait_event_takes_none_when_the_wait_is_over(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait(), over = qmp_wait_from_now(0, -1);

    (void)state;
    peer_start(&peer, script_events);
    assert_call_works(peer.client);
    assert_null(qmp_client_wait_event(peer.client, "NIC_RX", &over, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "NIC_RX");
    assert_null(qmp_client_wait_event(peer.client, NULL, &over, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "event");
    g_autoptr(QmpEvent) nic = qmp_client_wait_event(peer.client, "NIC_RX", &wait, &error);
    assert_ok(nic != NULL, error);
}

#define FLOOD_EVENTS 20000

static void
script_flood_around_reply(Peer *peer)
{
    peer_greet(peer);
    peer_event(peer, "STOP");
    guint64 id = peer_expect(peer, "last");
    for (guint i = 0; i < FLOOD_EVENTS; i++)
        peer_event(peer, "RTC_CHANGE");
    peer_event(peer, "RESUME");
    peer_reply(peer, id, "{\"last\": true}");
    for (guint i = 0; i < FLOOD_EVENTS; i++)
        peer_event(peer, "RTC_CHANGE");
    peer_event(peer, "SPECIAL");
    for (guint i = 0; i < FLOOD_EVENTS; i++)
        peer_event(peer, "RTC_CHANGE");
    peer_event(peer, "SHUTDOWN");
    peer_linger(peer);
}

static void
a_flood_keeps_the_vital_events_and_the_awaited(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    guint n = 0;

    (void)state;
    peer_start(&peer, script_flood_around_reply);
    assert_call_works(peer.client);
    /* Not a vital one, and as many as the queue holds twenty times follow at once. */
    g_autoptr(QmpEvent) special = qmp_client_wait_event(peer.client, "SPECIAL", &wait, &error);
    assert_ok(special != NULL, error);
    g_autoptr(QmpEvent) shutdown_event = qmp_client_wait_event(peer.client, "SHUTDOWN", &wait, &error);
    assert_ok(shutdown_event != NULL, error);
    g_autoptr(QmpEvent) stop = qmp_client_pop_event(peer.client);
    g_autoptr(QmpEvent) resume = qmp_client_pop_event(peer.client);
    assert_string_equal(stop->name, "STOP");
    assert_string_equal(resume->name, "RESUME");
    for (;; n++) {
        g_autoptr(QmpEvent) event = qmp_client_pop_event(peer.client);
        if (!event)
            break;
        assert_string_equal(event->name, "RTC_CHANGE");
    }
    assert_true(n >= 1000 && n <= 1024);
}

/* Never stops, with events of half a megabyte among them. */
static void
script_endless_flood(Peer *peer)
{
    g_autoptr(GString) events = g_string_new(NULL);
    g_autofree char *filler = g_strnfill(500000, 'x');

    for (guint i = 0; i < 1000; i++)
        g_string_append(events,
                        "{\"event\": \"STOP\"}{\"event\": \"RTC_CHANGE\", \"data\": {\"a\": [{},{},{}]}}");
    g_string_append_printf(events, "{\"event\": \"STOP\", \"data\": {\"a\": \"%s\"}}", filler);
    peer_greet(peer);
    peer_expect(peer, "starved");
    while (peer_write(peer, events->str, events->len))
        ;
}

static void
an_endless_flood_does_not_outlast_the_deadline(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    struct rusage before, after;

    (void)state;
    getrusage(RUSAGE_SELF, &before);
    peer_start(&peer, script_endless_flood);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    gint64 start_us = g_get_monotonic_time();
    wait = qmp_wait_from_now(500, -1);
    assert_false(qmp_client_call(peer.client, "starved", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "starved");
    assert_true(g_get_monotonic_time() - start_us < 5 * G_USEC_PER_SEC);

    /* One turn ends by itself, flood or not. */
    assert_ok(qmp_client_process(peer.client, &error), error);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 256 << 10);
}

/* --- waiting --- */

static void
script_drip(Peer *peer)
{
    peer_greet(peer);
    peer_expect(peer, "dripped");
    peer_say(peer, "{\"return\": \"");
    while (peer_write(peer, "x", 1))
        g_usleep(5000); /* the peer is slow: that is the point */
}

static void
a_dripping_reply_does_not_move_the_deadline(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    (void)state;
    peer_start(&peer, script_drip);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    gint64 start_us = g_get_monotonic_time();
    wait = qmp_wait_from_now(200, -1);
    assert_false(qmp_client_call(peer.client, "dripped", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "dripped");
    assert_true(g_get_monotonic_time() - start_us < 5 * G_USEC_PER_SEC);
}

static void
cancelling_ends_every_wait(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    int cancel[2];

    (void)state;
    assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
    peer_start(&peer, script_deaf);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    guint64 id = qmp_client_send(peer.client, "never", NULL, NULL);
    assert_int_equal(write(cancel[1], "", 1), 1);
    wait = qmp_wait_from_now(LONG_MS, cancel[0]);
    assert_false(qmp_client_collect(peer.client, id, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CANCELLED, "cancelled");
    assert_null(qmp_client_wait_event(peer.client, "STOP", &wait, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CANCELLED, "STOP: cancelled");
    assert_int_equal(qmp_client_get_state(peer.client), QMP_CLIENT_READY);
    close(cancel[0]);
    close(cancel[1]);
}

/* The only command that script_greet takes is `last`: a `migrate` sent all the same would end the test. */
static void
nothing_is_sent_when_the_wait_is_over(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();
    int cancel[2];

    (void)state;
    assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
    assert_int_equal(write(cancel[1], "", 1), 1);
    peer_start(&peer, script_greet);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    wait = qmp_wait_from_now(0, -1);
    assert_false(qmp_client_call(peer.client, "migrate", json_object_new_object(), &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "migrate");
    wait = qmp_wait_from_now(LONG_MS, cancel[0]);
    assert_false(qmp_client_call(peer.client, "migrate", json_object_new_object(), &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CANCELLED, "migrate");
    assert_call_works(peer.client);
    close(cancel[0]);
    close(cancel[1]);
}

static volatile sig_atomic_t alarms;

static void
count_alarm(int number)
{
    (void)number;
    alarms++;
}

static void
signals_do_not_disturb_a_wait(void **state)
{
    const struct itimerval often = {.it_interval = {.tv_usec = 2000}, .it_value = {.tv_usec = 2000}},
                           never = {0};
    const struct sigaction interrupting = {.sa_handler = count_alarm}; /* no SA_RESTART */
    struct sigaction old;
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    (void)state;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGVTALRM);
    sigaddset(&signals, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* for the peer's thread, which inherits it */
    peer_start(&peer, script_deaf);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    assert_ok(qmp_client_wait_ready(peer.client, &wait, &error), error);
    unsigned left_s = alarm(0);
    sigaction(SIGALRM, &interrupting, &old);
    setitimer(ITIMER_REAL, &often, NULL);
    gint64 start_us = g_get_monotonic_time();
    wait = qmp_wait_from_now(100, -1);
    bool succeeded = qmp_client_call(peer.client, "never", NULL, &wait, NULL, &error);
    gint64 end_us = g_get_monotonic_time();
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    alarm(left_s);
    assert_false(succeeded);
    assert_error(&error, QMP_CLIENT_ERROR_TIMED_OUT, "never");
    assert_true(alarms > 3);
    assert_true(end_us - start_us >= 100000);
}

/* --- the end --- */

static void
script_last_words(Peer *peer)
{
    peer_greet(peer);
    peer_expect(peer, "quit");
    peer_event(peer, "SHUTDOWN");
}

static void
an_end_fails_what_is_pending_and_keeps_what_was_said(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    (void)state;
    peer_start(&peer, script_last_words);
    assert_false(qmp_client_call(peer.client, "quit", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "guest: the peer closed the connection");
    assert_int_equal(qmp_client_get_fd(peer.client), -1);
    assert_int_equal(qmp_client_get_poll_events(peer.client), 0);
    g_autoptr(QmpEvent) event = qmp_client_wait_event(peer.client, "SHUTDOWN", &wait, &error);
    assert_ok(event != NULL, error);

    /* From now on everything says so at once. */
    assert_false(qmp_client_call(peer.client, "quit", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "closed");
    assert_int_equal(qmp_client_send(peer.client, "quit", NULL, &error), 0);
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "closed");
    assert_null(qmp_client_wait_event(peer.client, "STOP", &wait, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "closed");
    assert_false(qmp_client_process(peer.client, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "closed");
}

static void
script_stop_reading(Peer *peer)
{
    peer_greet(peer);
    peer_event(peer, "SHUTDOWN");
    shutdown(peer->fd, SHUT_RD);
    peer_event(peer, "POWERDOWN");
    /* Its own end comes when the client has closed. */
    while (peer_write(peer, " ", 1))
        g_usleep(5000);
}

static void
a_peer_that_takes_no_commands_is_closed(void **state)
{
    g_auto(Peer) peer;
    g_autoptr(GError) error = NULL;
    QmpWait wait = long_wait();

    (void)state;
    peer_start(&peer, script_stop_reading);
    g_autoptr(QmpEvent) event = qmp_client_wait_event(peer.client, "POWERDOWN", &wait, &error);
    assert_ok(event != NULL, error);
    assert_false(qmp_client_call(peer.client, "stop", NULL, &wait, NULL, &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "cannot send");
    while (qmp_client_process(peer.client, &error))
        qmp_wait_poll(&wait, qmp_client_get_fd(peer.client), qmp_client_get_poll_events(peer.client));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "cannot send");
    assert_int_equal(qmp_client_get_state(peer.client), QMP_CLIENT_CLOSED);
}

static const char *garbage;

static void
script_garbage(Peer *peer)
{
    peer_greet(peer);
    peer_expect(peer, "anything");
    peer_say(peer, "%s", garbage);
    peer_linger(peer);
}

static void
garbage_closes_the_connection(void **state)
{
    static const char *const texts[] = {
        "login: ",
        "[]",
        "{}",
        "{\"a\":1}",
        PEER_GREETING,
        "{\"event\": \"A\\nB\"}",
        "{\"event\": \"\"}",
        "{\"event\": 7}",
        "{\"return\": NaN, \"id\": 1}",
        "{\"return\": \"\xc0\x80\"}",
        "{\"QMP\": 1}",
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_auto(Peer) peer;
        g_autoptr(GError) error = NULL;
        QmpWait wait = long_wait();
        garbage = texts[i];
        peer_start(&peer, script_garbage);
        assert_false(qmp_client_call(peer.client, "anything", NULL, &wait, NULL, &error));
        assert_error(&error, QMP_CLIENT_ERROR_GARBAGE, "guest: ");
        assert_int_equal(qmp_client_get_fd(peer.client), -1);
    }
}

static void
script_garbage_greeting(Peer *peer)
{
    peer_say(peer, "%s", garbage);
    peer_linger(peer);
}

static void
a_greeting_needs_a_version(void **state)
{
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "{\"QMP\": {}}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7, \"minor\": 2}}}}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7, \"minor\": 2, \"micro\": -1}}}}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7, \"minor\": 2, \"micro\": \"1\"}}}}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 70000, \"minor\": 2, \"micro\": 1}}}}",
    };

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_auto(Peer) peer;
        g_autoptr(GError) error = NULL;
        QmpWait wait = long_wait();
        garbage = texts[i];
        peer_start(&peer, script_garbage_greeting);
        assert_false(qmp_client_wait_ready(peer.client, &wait, &error));
        assert_error(&error, QMP_CLIENT_ERROR_GARBAGE, "guest: ");
    }
}

/* --- connecting --- */

static void
connecting_says_whether_anybody_is_there(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("moult-qmp-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "monitor.sock", NULL);
    g_autofree char *long_name = g_strnfill(2000, '/');
    QmpClient *clients[8] = {NULL};
    guint n = 0;

    (void)state;
    assert_null(qmp_client_connect(path, "guest", &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "guest: cannot connect");
    assert_null(qmp_client_connect(long_name, "guest", &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "guest: cannot connect");

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_null(qmp_client_connect(path, "guest", &error));
    assert_error(&error, QMP_CLIENT_ERROR_CLOSED, "guest: cannot connect");

    /* As QEMU does it, one in the backlog; nobody accepts. */
    assert_int_equal(listen(listener, 1), 0);
    while (n < G_N_ELEMENTS(clients) && (clients[n] = qmp_client_connect(path, "guest", &error)))
        n++;
    assert_true(n > 0 && n < G_N_ELEMENTS(clients));
    assert_error(&error, QMP_CLIENT_ERROR_BUSY, "guest: cannot connect");
    for (guint i = 0; i < n; i++)
        qmp_client_free(clients[i]);
    close(listener);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greeting_makes_ready),
        cmocka_unit_test(greeting_may_come_in_pieces),
        cmocka_unit_test(leftovers_of_another_client_are_ignored),
        cmocka_unit_test(silence_before_the_greeting_is_busy),
        cmocka_unit_test(half_a_greeting_is_not_busy),
        cmocka_unit_test(refused_negotiation_closes),
        cmocka_unit_test(errors_are_quoted_cut_and_told_apart),
        cmocka_unit_test(a_reply_after_the_deadline_is_dropped),
        cmocka_unit_test(pipelined_replies_find_their_commands),
        cmocka_unit_test(collecting_can_be_tried_again),
        cmocka_unit_test(commands_without_replies_are_bounded),
        cmocka_unit_test(replies_nobody_collects_are_dropped),
        cmocka_unit_test(a_huge_reply_costs_bounded_memory),
        cmocka_unit_test(events_wait_in_order),
        cmocka_unit_test(wait_event_takes_its_own_and_leaves_others),
        cmocka_unit_test(wait_event_takes_none_when_the_wait_is_over),
        cmocka_unit_test(a_flood_keeps_the_vital_events_and_the_awaited),
        cmocka_unit_test(an_endless_flood_does_not_outlast_the_deadline),
        cmocka_unit_test(a_dripping_reply_does_not_move_the_deadline),
        cmocka_unit_test(cancelling_ends_every_wait),
        cmocka_unit_test(nothing_is_sent_when_the_wait_is_over),
        cmocka_unit_test(signals_do_not_disturb_a_wait),
        cmocka_unit_test(an_end_fails_what_is_pending_and_keeps_what_was_said),
        cmocka_unit_test(a_peer_that_takes_no_commands_is_closed),
        cmocka_unit_test(garbage_closes_the_connection),
        cmocka_unit_test(a_greeting_needs_a_version),
        cmocka_unit_test(connecting_says_whether_anybody_is_there),
    };

    alarm(55);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
