/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU made to misbehave: a thread that plays a script on the other end of a socketpair. Scripts use
 * g_assert (a failed one aborts the test program); reads give up after PEER_DEADLINE_S.
 */
#pragma once

#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "qmp/client.h"
#include "qmp/json.h"

#define PEER_DEADLINE_S 20
#define PEER_GREETING                                                                                        \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "                       \
    "\"package\": \"Debian 1:7.2\"}, \"capabilities\": [\"oob\"]}}\r\n"

typedef struct Peer Peer;
typedef void (*PeerScript)(Peer *peer);

struct Peer {
    int fd;
    PeerScript script;
    GThread *thread;
    QmpClient *client; /* the other end */
};

/* FALSE when the client has gone. */
static inline bool
peer_write(Peer *peer, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = send(peer->fd, bytes, length, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        length -= (size_t)n;
    }
    return true;
}

G_GNUC_PRINTF(2, 3)
static inline void
peer_say(Peer *peer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    peer_write(peer, text, strlen(text));
}

/* The next command, which is one line. NULL when the client has gone. */
static inline json_object *
peer_hear(Peer *peer)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char c;

    while (recv(peer->fd, &c, 1, 0) == 1) {
        if (c == '\n')
            return qmp_json_parse(line->str, line->len, 16, NULL);
        g_string_append_c(line, c);
    }
    return NULL;
}

/* Hears COMMAND and gives its id. */
static inline guint64
peer_expect(Peer *peer, const char *command)
{
    g_autoptr(json_object) message = peer_hear(peer);
    guint64 id = 0;

    g_assert_cmpstr(qmp_json_get_string(message, "execute"), ==, command);
    g_assert_true(qmp_json_get_uint64(message, "id", &id));
    return id;
}

/* The same, with ARGUMENTS, a JSON text without blanks; NULL: without any. */
static inline guint64
peer_expect_with(Peer *peer, const char *command, const char *arguments)
{
    g_autoptr(json_object) message = peer_hear(peer);
    json_object *heard = qmp_json_get_object(message, "arguments");
    guint64 id = 0;

    g_assert_cmpstr(qmp_json_get_string(message, "execute"), ==, command);
    g_assert_cmpstr(heard ? qmp_json_to_text(heard, NULL) : NULL, ==, arguments);
    g_assert_true(qmp_json_get_uint64(message, "id", &id));
    return id;
}

/* Answers the command that had ID with RESULT, a JSON text. */
static inline void
peer_reply(Peer *peer, guint64 id, const char *result)
{
    peer_say(peer, "{\"return\": %s, \"id\": %" G_GUINT64_FORMAT "}\r\n", result, id);
}

/* The same with an error; DESC as it stands in JSON. */
static inline void
peer_refuse(Peer *peer, guint64 id, const char *desc)
{
    peer_say(peer, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}, \"id\": %" G_GUINT64_FORMAT "}\r\n", desc,
             id);
}

/* Expects COMMAND and answers with RESULT, a JSON text. */
static inline void
peer_answer(Peer *peer, const char *command, const char *result)
{
    peer_reply(peer, peer_expect(peer, command), result);
}

static inline void
peer_greet(Peer *peer)
{
    peer_say(peer, PEER_GREETING);
    peer_answer(peer, "qmp_capabilities", "{}");
}

static inline void
peer_event(Peer *peer, const char *name)
{
    peer_say(peer,
             "{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": 123456}, \"event\": \"%s\", "
             "\"data\": {\"n\": 1}}\r\n",
             name);
}

/* Stays connected until the client goes. */
static inline void
peer_linger(Peer *peer)
{
    char byte;

    while (recv(peer->fd, &byte, 1, 0) == 1)
        ;
}

static inline gpointer
peer_main(gpointer data)
{
    Peer *peer = data;

    peer->script(peer);
    shutdown(peer->fd, SHUT_RDWR);
    return NULL;
}

static inline void
peer_start(Peer *peer, PeerScript script)
{
    const struct timeval deadline = {.tv_sec = PEER_DEADLINE_S};
    int fds[2];

    g_assert_true(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    g_assert_true(setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) == 0);
    peer->fd = fds[1];
    peer->script = script;
    peer->client = qmp_client_new(fds[0], "guest");
    peer->thread = g_thread_new("peer", peer_main, peer);
}

/* Ends the client's side first, which ends every script. */
static inline void
peer_stop(Peer *peer)
{
    qmp_client_free(peer->client);
    g_thread_join(peer->thread);
    close(peer->fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Peer, peer_stop)
