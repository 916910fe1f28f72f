/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes from a QEMU into a client that has commands under way. What must hold: no wait outlasts its
 * deadline, the texts handed out are fit to be shown, and the end is an error that says why.
 * `#` followed by a digit stands for the id of one of our commands, which the bytes could never guess.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qmp/client.h"
#include "qmp/json.h"

#define INPUT_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
say(int peer, const void *bytes, size_t length)
{
    g_assert_true(send(peer, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length);
}

static void
check_error(const GError *error)
{
    g_assert_nonnull(error);
    g_assert_true(error->domain == QMP_CLIENT_ERROR);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_assert_cmpuint(strlen(error->message), <, 1000);
}

/* The id of the command that the client has just sent. */
static guint64
hear_id(int peer)
{
    char line[256];
    guint64 id = 0;
    ssize_t n = recv(peer, line, sizeof(line), MSG_DONTWAIT);
    g_autoptr(json_object) message = qmp_json_parse(line, n > 0 ? (size_t)n : 0, 8, NULL);

    g_assert_true(qmp_json_get_uint64(message, "id", &id));
    return id;
}

static void
greet(QmpClient *client, int peer)
{
    static const char greeting[] = "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":2,\"micro\":0}}}}";

    say(peer, greeting, sizeof(greeting) - 1);
    g_assert_true(qmp_client_process(client, NULL));
    g_autofree char *reply = g_strdup_printf("{\"return\":{},\"id\":%" G_GUINT64_FORMAT "}", hear_id(peer));
    say(peer, reply, strlen(reply));
    g_assert_true(qmp_client_process(client, NULL));
    g_assert_true(qmp_client_get_state(client) == QMP_CLIENT_READY);
}

/* DATA with ids in place. */
static GString *
fill_in(const uint8_t *data, size_t size, guint64 first_id)
{
    GString *text = g_string_sized_new(size);

    for (size_t i = 0; i < size; i++) {
        if (data[i] == '#' && i + 1 < size && g_ascii_isdigit(data[i + 1]))
            g_string_append_printf(text, "%" G_GUINT64_FORMAT, first_id + (guint64)(data[++i] - '0'));
        else
            g_string_append_c(text, (char)data[i]);
    }
    return text;
}

static void
take_events(QmpClient *client)
{
    for (;;) {
        g_autoptr(QmpEvent) event = qmp_client_pop_event(client);
        if (!event)
            return;
        g_assert_true(g_utf8_validate(event->name, -1, NULL));
        g_assert_true(event->name[0] != '\0' && event->timestamp_us >= -1);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint64 ids[3] = {0};
    int fds[2];

    if (size < 1 || size > INPUT_MAX)
        return 0;
    g_assert_true(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    g_autoptr(QmpClient) client = qmp_client_new(fds[0], "fuzz");
    if (data[0] & 1) {
        greet(client, fds[1]);
        for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
            g_assert_true((ids[i] = qmp_client_send(client, "query-status", NULL, NULL)) > 0);
    }
    g_autoptr(GString) text = fill_in(data + 1, size - 1, ids[0]);
    for (size_t at = 0, piece = 1 + (data[0] >> 1) * (text->len / 64 + 1); at < text->len; at += piece) {
        say(fds[1], text->str + at, MIN(piece, text->len - at));
        if (!qmp_client_process(client, NULL))
            break;
    }
    QmpWait over = {.deadline_us = 0, .cancel_fd = -1};
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(json_object) reply = NULL;
        if (ids[i] && !qmp_client_collect(client, ids[i], &over, &reply, &error))
            check_error(error);
    }
    close(fds[1]);
    g_autoptr(GError) error = NULL;
    while (qmp_client_process(client, &error))
        ;
    check_error(error);
    take_events(client);
    return 0;
}
