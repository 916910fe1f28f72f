/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening what was deferred, with a QEMU that refuses at times; and its place on the record of an instance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/deferred.h"
#include "qemu/deferred.h"
#include "qmp-peer.h"

#define LONG_MS 20000

/* What the guest is to be given: a port by the human monitor, and one command of QMP. */
static GuestInstance *
make_instance(Peer *peer, PeerScript script)
{
    GuestInstance *instance = guest_instance_new();
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "type", "vnc");
    g_ptr_array_add(instance->deferred, qemu_deferred_new_human("port 1", "remove 1", "add 1"));
    g_ptr_array_add(instance->deferred, qemu_deferred_new("screen", NULL, "display-update", arguments));
    peer_start(peer, script);
    instance->monitor = peer->client;
    return instance;
}

static void
free_instance(GuestInstance *instance)
{
    instance->monitor = NULL; /* the peer's */
    guest_instance_free(instance);
}

/* Hears LINE for the human monitor and answers it. */
static void
expect_line(Peer *peer, const char *line, const char *answer)
{
    g_autofree char *arguments = g_strdup_printf("{\"command-line\":\"%s\"}", line);
    g_autofree char *result = g_strdup_printf("\"%s\"", answer);

    peer_reply(peer, peer_expect_with(peer, "human-monitor-command", arguments), result);
}

static void
opens_at_the_second_attempt(Peer *peer)
{
    peer_greet(peer);
    expect_line(peer, "remove 1", "not found\\r\\n");
    expect_line(peer, "add 1", "could not set up host forwarding rule\\r\\n");
    peer_answer(peer, "display-update", "{}");
    expect_line(peer, "remove 1", "not found\\r\\n");
    expect_line(peer, "add 1", "");
    peer_linger(peer);
}

static void
what_is_not_free_at_once_is_tried_again(void **state)
{
    (void)state;
    g_auto(Peer) peer = {0};
    GuestInstance *instance = make_instance(&peer, opens_at_the_second_attempt);
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);
    g_autoptr(GError) error = NULL;

    assert_true(guest_deferred_open(instance, &wait, &error));
    assert_int_equal(instance->deferred->len, 0);
    assert_true(guest_deferred_open(instance, &wait, &error)); /* nothing more is said */
    free_instance(instance);
}

static void
has_the_socket(Peer *peer)
{
    peer_greet(peer);
    expect_line(peer, "remove 1", "");
    expect_line(peer, "add 1", "");
    peer_reply(peer, peer_expect_with(peer, "display-update", "{\"fd\":1}"), "{}");
    peer_linger(peer);
}

static void
has_lost_the_socket(Peer *peer)
{
    peer_greet(peer);
    expect_line(peer, "remove 1", "");
    expect_line(peer, "add 1", "");
    peer_refuse(peer, peer_expect_with(peer, "display-update", "{\"fd\":1}"), "no such descriptor");
    peer_reply(peer, peer_expect_with(peer, "display-update", "{\"type\":\"vnc\"}"), "{}");
    peer_linger(peer);
}

static void
socket_in_its_keeping_goes_first(void **state)
{
    (void)state;
    static const PeerScript scripts[] = {has_the_socket, has_lost_the_socket};

    for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++) {
        g_auto(Peer) peer = {0};
        GuestInstance *instance = make_instance(&peer, scripts[i]);
        QmpWait wait = qmp_wait_from_now(LONG_MS, -1);
        json_object *handed = json_object_new_object();
        qmp_json_add_int64(handed, "fd", 1);
        ((QemuDeferred *)instance->deferred->pdata[1])->handed = handed;
        assert_true(guest_deferred_open(instance, &wait, NULL));
        assert_int_equal(instance->deferred->len, 0);
        free_instance(instance);
    }
}

static void
never_opens_the_port(Peer *peer)
{
    peer_greet(peer);
    for (unsigned attempt = 0; attempt < 5; attempt++) {
        expect_line(peer, "remove 1", "");
        expect_line(peer, "add 1", "in use");
        if (attempt == 0)
            peer_answer(peer, "display-update", "{}");
    }
    peer_linger(peer);
}

static void
what_cannot_be_opened_stays_on_the_list(void **state)
{
    (void)state;
    g_auto(Peer) peer = {0};
    GuestInstance *instance = make_instance(&peer, never_opens_the_port);
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);
    g_autoptr(GError) error = NULL;

    assert_true(guest_deferred_awaits(instance, "add") && guest_deferred_awaits(instance, "display-update"));
    assert_false(guest_deferred_awaits(instance, "ad") || guest_deferred_awaits(instance, "remove"));
    g_autoptr(GPtrArray) lines = guest_deferred_list_lines(instance, "add ");
    assert_int_equal(lines->len, 1);
    assert_string_equal(lines->pdata[0], "1");
    assert_false(guest_deferred_open(instance, &wait, &error));
    assert_non_null(strstr(error->message, "port 1: in use"));
    assert_int_equal(instance->deferred->len, 1);
    assert_true(guest_deferred_awaits(instance, "add"));
    assert_false(guest_deferred_awaits(instance, "display-update"));
    assert_string_equal(((QemuDeferred *)instance->deferred->pdata[0])->what, "port 1");
    free_instance(instance);
}

static void
goes_at_the_second_attempt(Peer *peer)
{
    peer_greet(peer);
    expect_line(peer, "netdev_del moult-gone0", "");
    expect_line(peer, "info network", "moult-gone0: index=0,type=user,net=10.0.2.0,restrict=on\\r\\n");
    /* An engine that has died may have removed it. */
    expect_line(peer, "netdev_del moult-gone0", "Error: Device 'moult-gone0' not found\\r\\n");
    expect_line(peer, "info network", "n1: index=0,type=user,net=10.0.2.0,restrict=off\\r\\n");
    peer_linger(peer);
}

static void
placeholder_is_removed_when_it_is_gone(void **state)
{
    (void)state;
    g_auto(Peer) peer = {0};
    GuestInstance *instance = make_instance(&peer, goes_at_the_second_attempt);
    QmpWait wait = qmp_wait_from_now(LONG_MS, -1);
    g_autoptr(GError) error = NULL;

    g_ptr_array_set_size(instance->deferred, 0);
    g_ptr_array_add(instance->deferred, qemu_deferred_new_netdev("moult-gone0"));
    assert_true(guest_deferred_open(instance, &wait, &error));
    assert_int_equal(instance->deferred->len, 0);
    /* Nothing else is ever removed. */
    g_ptr_array_add(instance->deferred, qemu_deferred_new_netdev("n1"));
    assert_false(guest_deferred_open(instance, &wait, &error));
    assert_non_null(strstr(error->message, "it is not known which"));
    free_instance(instance);
}

static void
list_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) list = qemu_deferred_list_new();

    g_ptr_array_add(list, qemu_deferred_new_human("port", "before", "line"));
    g_ptr_array_add(list, qemu_deferred_new("plain", NULL, "command", NULL));
    ((QemuDeferred *)list->pdata[1])->handed = json_object_new_object();
    g_autoptr(json_object) json = qemu_deferred_list_to_json(list);
    g_autoptr(GPtrArray) back = qemu_deferred_list_from_json(json);
    g_autoptr(json_object) again = qemu_deferred_list_to_json(back);
    assert_int_equal(back->len, 2);
    assert_string_equal(json_object_to_json_string(json), json_object_to_json_string(again));
    json_object_array_add(json, json_object_new_int(1));
    assert_null(qemu_deferred_list_from_json(json));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_free_at_once_is_tried_again),
        cmocka_unit_test(socket_in_its_keeping_goes_first),
        cmocka_unit_test(what_cannot_be_opened_stays_on_the_list),
        cmocka_unit_test(placeholder_is_removed_when_it_is_gone),
        cmocka_unit_test(list_is_read_back_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
