/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state machine: GREETING -> NEGOTIATING -> READY -> CLOSED, driven by messages alone. Whatever waits
 * (the second half of this file) only turns it over until its own condition holds or its wait ends.
 *
 * Command ids start at a random number: QEMU answers a command that it was executing for the monitor's client
 * before us to us, and that reply must not be taken for one of ours.
 *
 * Out-of-band execution is not asked for: QEMU then reads a command only after the reply to the one before.
 */
#include "qmp/client.h"

#include <poll.h>

#include "qmp/ahead.h"
#include "qmp/event-queue.h"
#include "qmp/json.h"
#include "qmp/message.h"
#include "qmp/reply-table.h"
#include "qmp/socket.h"
#include "qmp/stream.h"

/* Reads in one turn, of up to 64 KiB: bounds the time between two looks at the deadline. */
#define TURN_READS 4

/*
 * Where ids begin: not always at the same place, for what a client before us was not answered may come to us. And short:
 * QEMU reads a command byte by byte, some 4 us each (measured: 7.2, 10.0).
 */
#define FIRST_ID 10000
#define LAST_FIRST_ID 99000

/* Where qmp_client_wait_event gets its event: past the queue, which may overflow within one turn. */
typedef struct {
    const char *name; /* NULL: any */
    QmpEvent *event;
} AwaitedEvent;

struct QmpClient {
    char *label;
    QmpClientState state;
    QmpStream *stream;    /* NULL once closed */
    GError *closed_error; /* why */
    bool was_heard;       /* a byte has come */

    QmpGreeting greeting; /* all zero before it */

    guint64 last_id, negotiation_id;
    QmpReplyTable *replies;
    QmpAhead *ahead;
    QmpEventQueue *events;
    AwaitedEvent *awaited; /* borrowed from the waiting call, or NULL */
};

G_DEFINE_QUARK(qmp - client - error - quark, qmp_client_error)

QmpClient *
qmp_client_new(int fd, const char *label)
{
    QmpClient *client = g_new0(QmpClient, 1);

    client->label = g_strdup(label);
    client->state = QMP_CLIENT_GREETING;
    client->stream = qmp_stream_new(fd, QMP_STREAM_CONCATENATED, &QMP_STREAM_LIMITS_QEMU);
    client->last_id = (guint64)g_random_int_range(FIRST_ID, LAST_FIRST_ID);
    client->replies = qmp_reply_table_new();
    client->ahead = qmp_ahead_new();
    client->events = qmp_event_queue_new();
    return client;
}

void
qmp_client_free(QmpClient *client)
{
    if (!client)
        return;
    g_free(client->label);
    qmp_stream_free(client->stream);
    g_clear_error(&client->closed_error);
    g_free(client->greeting.package);
    qmp_reply_table_free(client->replies);
    qmp_ahead_free(client->ahead);
    qmp_event_queue_free(client->events);
    g_free(client);
}

QmpClientState
qmp_client_get_state(const QmpClient *client)
{
    return client->state;
}

int
qmp_client_get_fd(const QmpClient *client)
{
    return client->stream ? qmp_stream_get_fd(client->stream) : -1;
}

short
qmp_client_get_poll_events(const QmpClient *client)
{
    return client->stream ? qmp_stream_get_poll_events(client->stream) : 0;
}

bool
qmp_client_get_version(const QmpClient *client, int *ret_major, int *ret_minor, int *ret_micro)
{
    if (!client->greeting.package)
        return false;
    if (ret_major)
        *ret_major = client->greeting.major;
    if (ret_minor)
        *ret_minor = client->greeting.minor;
    if (ret_micro)
        *ret_micro = client->greeting.micro;
    return true;
}

const char *
qmp_client_get_package(const QmpClient *client)
{
    return client->greeting.package;
}

static QmpClientError
client_code_of_stream_error(const GError *error)
{
    if (g_error_matches(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_GARBAGE))
        return QMP_CLIENT_ERROR_GARBAGE;
    if (g_error_matches(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL))
        return QMP_CLIENT_ERROR_BUSY;
    return QMP_CLIENT_ERROR_CLOSED;
}

QmpClient *
qmp_client_connect(const char *path, const char *label, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    int fd = qmp_socket_connect(path, &local_error);

    if (fd >= 0)
        return qmp_client_new(fd, label);
    g_set_error(error, QMP_CLIENT_ERROR, client_code_of_stream_error(local_error), "%s: %s", label,
                local_error->message);
    return NULL;
}

/* The end of the connection; the first reason stays. */
static void
client_close(QmpClient *client, QmpClientError code, const char *reason)
{
    if (client->state == QMP_CLIENT_CLOSED)
        return;
    client->state = QMP_CLIENT_CLOSED;
    client->closed_error = g_error_new(QMP_CLIENT_ERROR, code, "%s: %s", client->label, reason);
    g_clear_pointer(&client->stream, qmp_stream_free);
}

static bool
client_fail_closed(const QmpClient *client, GError **error)
{
    g_propagate_error(error, g_error_copy(client->closed_error));
    return false;
}

/* Puts a command into the output. A peer that is gone is noticed by the next turn, after what it still said
 * is read. */
static bool
client_send_command(QmpClient *client, guint64 id, const char *command, json_object *arguments,
                    GError **error)
{
    g_autoptr(json_object) own_arguments = arguments;
    g_autoptr(json_object) message = json_object_new_object();
    g_autoptr(GError) local_error = NULL;

    qmp_json_add_string(message, "execute", command);
    qmp_json_add_value(message, "arguments", g_steal_pointer(&own_arguments));
    qmp_json_add_uint64(message, "id", id);
    if (qmp_stream_send(client->stream, message, &local_error))
        return true;
    g_set_error(error, QMP_CLIENT_ERROR, client_code_of_stream_error(local_error), "%s: %s: %s",
                client->label, command, local_error->message);
    return false;
}

static void
client_handle_greeting(QmpClient *client, json_object *message)
{
    if (client->state != QMP_CLIENT_GREETING) {
        client_close(client, QMP_CLIENT_ERROR_GARBAGE, "a second greeting");
        return;
    }
    if (!qmp_message_parse_greeting(message, &client->greeting)) {
        client_close(client, QMP_CLIENT_ERROR_GARBAGE, "a greeting without a proper version");
        return;
    }
    client->negotiation_id = ++client->last_id;
    client->state = QMP_CLIENT_NEGOTIATING;
    client_send_command(client, client->negotiation_id, "qmp_capabilities", NULL, NULL);
}

/* In any state: between our connecting and its greeting, QEMU may still have an event on its way. */
static void
client_handle_event(QmpClient *client, json_object *message)
{
    QmpEvent *event = qmp_message_parse_event(message);
    AwaitedEvent *awaited = client->awaited;

    if (!event)
        client_close(client, QMP_CLIENT_ERROR_GARBAGE, "an event without a proper name");
    else if (awaited && !awaited->event && (!awaited->name || g_str_equal(awaited->name, event->name)))
        awaited->event = event;
    else
        qmp_event_queue_push(client->events, event, qmp_stream_get_message_cost(client->stream));
}

/* The command that a reply is for; 0 where it is none of ours. */
static guint64
client_find_reply_id(const QmpClient *client, json_object *message)
{
    guint64 id = 0;

    switch (qmp_message_parse_id(message, &id)) {
    case QMP_MESSAGE_ID_OURS:
        return id;
    case QMP_MESSAGE_ID_OTHERS:
        return 0;
    case QMP_MESSAGE_ID_NONE:
        /* QEMU reads them in order. */
        return client->state == QMP_CLIENT_NEGOTIATING ? client->negotiation_id
                                                       : qmp_reply_table_get_oldest(client->replies);
    }
    g_assert_not_reached();
}

static void
client_handle_negotiated(QmpClient *client, const GError *failure)
{
    if (!failure) {
        client->state = QMP_CLIENT_READY;
        return;
    }
    g_autofree char *reason = g_strdup_printf("qmp_capabilities refused: %s", failure->message);
    client_close(client, QMP_CLIENT_ERROR_GARBAGE, reason);
}

/* Replies to commands that nobody sent, or that nobody waits for any more, are dropped. */
static void
client_handle_reply(QmpClient *client, json_object *message)
{
    g_autoptr(GError) failure = qmp_message_parse_error(message);
    guint64 id = client_find_reply_id(client, message);
    json_object *result = NULL;

    if (client->state == QMP_CLIENT_NEGOTIATING && id == client->negotiation_id) {
        client_handle_negotiated(client, failure);
        return;
    }
    if (!failure)
        json_object_object_get_ex(message, "return", &result);
    if (qmp_ahead_answer(client->ahead, id, result, failure)) {
        qmp_reply_table_forget(client->replies, id);
        return;
    }
    qmp_reply_table_answer(client->replies, id, json_object_get(result), g_steal_pointer(&failure),
                           qmp_stream_get_message_cost(client->stream));
}

static void
client_handle_message(QmpClient *client, json_object *message)
{
    switch (qmp_message_get_kind(message)) {
    case QMP_MESSAGE_GREETING:
        client_handle_greeting(client, message);
        break;
    case QMP_MESSAGE_EVENT:
        client_handle_event(client, message);
        break;
    case QMP_MESSAGE_REPLY:
        client_handle_reply(client, message);
        break;
    case QMP_MESSAGE_UNKNOWN:
        client_close(client, QMP_CLIENT_ERROR_GARBAGE, "a message that is no greeting, event or reply");
        break;
    }
}

/* Handles the messages in the buffer. FALSE once closed. */
static bool
client_handle_buffered(QmpClient *client)
{
    g_autoptr(GError) local_error = NULL;

    while (client->stream) {
        g_autoptr(json_object) message = NULL;
        QmpStreamResult result = qmp_stream_next(client->stream, &message, &local_error);
        if (result == QMP_STREAM_AGAIN)
            return true;
        if (result == QMP_STREAM_MESSAGE)
            client_handle_message(client, message);
        else
            client_close(client, client_code_of_stream_error(local_error), local_error->message);
    }
    return false;
}

/* Reads once. RET_DRAINED: there was nothing to read. FALSE once closed. */
static bool
client_fill(QmpClient *client, bool *ret_drained)
{
    g_autoptr(GError) local_error = NULL;
    guint64 before = qmp_stream_get_received_bytes(client->stream);
    QmpStreamResult result = qmp_stream_fill(client->stream, &local_error);

    if (result == QMP_STREAM_AGAIN) {
        *ret_drained = qmp_stream_get_received_bytes(client->stream) == before;
        client->was_heard = client->was_heard || !*ret_drained;
        return true;
    }
    if (result == QMP_STREAM_EOF)
        client_close(client, QMP_CLIENT_ERROR_CLOSED, "the peer closed the connection");
    else
        client_close(client, client_code_of_stream_error(local_error), local_error->message);
    return false;
}

bool
qmp_client_process(QmpClient *client, GError **error)
{
    g_autoptr(GError) output_error = NULL;
    bool drained = false;

    if (!client->stream)
        return client_fail_closed(client, error);
    qmp_stream_flush(client->stream, &output_error);
    for (guint i = 0; i < TURN_READS && !drained; i++)
        if (!client_handle_buffered(client) || !client_fill(client, &drained))
            return client_fail_closed(client, error);
    if (!client_handle_buffered(client))
        return client_fail_closed(client, error);
    /* A peer that takes no more commands is done with, once its last words are read. */
    if (output_error && drained) {
        client_close(client, QMP_CLIENT_ERROR_CLOSED, output_error->message);
        return client_fail_closed(client, error);
    }
    return true;
}

static bool
client_fail_wait(const QmpClient *client, QmpWaitResult result, const char *what, GError **error)
{
    if (result == QMP_WAIT_CANCELLED)
        g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CANCELLED, "%s: %s: cancelled", client->label,
                    what);
    else if (client->state == QMP_CLIENT_GREETING && !client->was_heard)
        g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY,
                    "%s: no greeting: another client holds the monitor, or QEMU has not come up",
                    client->label);
    else
        g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT, "%s: %s: no answer in time",
                    client->label, what);
    return false;
}

typedef bool (*ClientCondition)(QmpClient *client, gconstpointer data);

/* Turns the state machine over until CONDITION holds. WHAT is being waited for, in messages. */
static bool
client_wait(QmpClient *client, ClientCondition condition, gconstpointer data, const char *what,
            const QmpWait *wait, GError **error)
{
    for (;;) {
        g_autoptr(GError) local_error = NULL;
        bool is_open = qmp_client_process(client, &local_error);
        if (condition(client, data))
            return true;
        if (!is_open) {
            g_propagate_error(error, g_steal_pointer(&local_error));
            return false;
        }
        QmpWaitResult result =
            qmp_wait_poll(wait, qmp_client_get_fd(client), qmp_client_get_poll_events(client));
        if (result != QMP_WAIT_READY)
            return client_fail_wait(client, result, what, error);
    }
}

static bool
condition_ready(QmpClient *client, gconstpointer data)
{
    (void)data;
    return client->state == QMP_CLIENT_READY;
}

bool
qmp_client_wait_ready(QmpClient *client, const QmpWait *wait, GError **error)
{
    if (client->state == QMP_CLIENT_READY)
        return true;
    return client_wait(client, condition_ready, NULL, "greeting", wait, error);
}

guint64
qmp_client_send(QmpClient *client, const char *command, json_object *arguments, GError **error)
{
    g_autoptr(json_object) own_arguments = arguments;

    if (!client->stream) {
        client_fail_closed(client, error);
        return 0;
    }
    if (client->state == QMP_CLIENT_GREETING) {
        g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY, "%s: %s: no greeting yet", client->label,
                    command);
        return 0;
    }
    if (!qmp_ahead_is_question(command, arguments))
        qmp_client_forget_ahead(client);
    guint64 id = client->last_id + 1;
    if (!qmp_reply_table_expect(client->replies, id)) {
        g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY,
                    "%s: %s: too many commands without a reply", client->label, command);
        return 0;
    }
    client->last_id = id;
    if (client_send_command(client, id, command, g_steal_pointer(&own_arguments), error))
        return id;
    qmp_reply_table_forget(client->replies, id);
    return 0;
}

bool
qmp_client_send_fd(QmpClient *client, int fd, GError **error)
{
    g_autoptr(GError) local_error = NULL;

    if (!client->stream)
        return client_fail_closed(client, error);
    if (qmp_stream_send_fd(client->stream, fd, &local_error))
        return true;
    g_set_error(error, QMP_CLIENT_ERROR, client_code_of_stream_error(local_error), "%s: a descriptor: %s", client->label,
                local_error->message);
    return false;
}

void
qmp_client_forget(QmpClient *client, guint64 id)
{
    qmp_reply_table_forget(client->replies, id);
}

static bool
condition_answered(QmpClient *client, gconstpointer data)
{
    const guint64 *id = data;

    return qmp_reply_table_get_state(client->replies, *id) != QMP_REPLY_WAITING;
}

static bool
client_collect(QmpClient *client, guint64 id, const char *what, const QmpWait *wait, json_object **ret_return,
               GError **error)
{
    if (!condition_answered(client, &id) && !client_wait(client, condition_answered, &id, what, wait, error))
        return false;
    if (qmp_reply_table_get_state(client->replies, id) == QMP_REPLY_ANSWERED)
        return qmp_reply_table_take(client->replies, id, ret_return, error);
    g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE,
                "%s: %s: not under way, or its reply was dropped", client->label, what);
    return false;
}

bool
qmp_client_collect(QmpClient *client, guint64 id, const QmpWait *wait, json_object **ret_return,
                   GError **error)
{
    return client_collect(client, id, "reply", wait, ret_return, error);
}

static bool
client_ask(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait, json_object **ret_return,
           GError **error)
{
    guint64 id = qmp_client_send(client, command, arguments, error);

    if (id == 0)
        return false;
    if (client_collect(client, id, command, wait, ret_return, error))
        return true;
    qmp_reply_table_forget(client->replies, id);
    return false;
}

/* ---- Questions asked ahead ---- */

static void
client_ask_ahead(QmpClient *client, const char *command, json_object *arguments, QmpAheadKind kind)
{
    g_autoptr(json_object) own_arguments = arguments;
    g_autofree char *key = qmp_ahead_dup_key(command, arguments);

    if (!qmp_ahead_has_room(client->ahead, key))
        return;
    guint64 id = qmp_client_send(client, command, g_steal_pointer(&own_arguments), NULL);
    if (id)
        qmp_ahead_add(client->ahead, key, kind, id);
}

void
qmp_client_ask_ahead(QmpClient *client, const char *command, json_object *arguments)
{
    client_ask_ahead(client, command, arguments, QMP_AHEAD_OF_STRETCH);
}

void
qmp_client_ask_constant(QmpClient *client, const char *command, json_object *arguments)
{
    client_ask_ahead(client, command, arguments, QMP_AHEAD_CONSTANT);
}

static void
forget_id(guint64 id, gpointer client)
{
    qmp_client_forget(client, id);
}

void
qmp_client_forget_ahead(QmpClient *client)
{
    qmp_ahead_clear(client->ahead, forget_id, client);
}

static bool
condition_kept(QmpClient *client, gconstpointer key)
{
    return qmp_ahead_get_id(client->ahead, key) == 0;
}

/* What QEMU answered is kept, be it an error; that a wait ended is not QEMU's answer. */
static void
client_settle_ahead(QmpClient *client, const char *key, const char *command, const QmpWait *wait)
{
    guint64 id = qmp_ahead_get_id(client->ahead, key);

    if (id == 0 || client_wait(client, condition_kept, key, command, wait, NULL))
        return;
    qmp_ahead_remove(client->ahead, key);
    qmp_client_forget(client, id);
}

/* FALSE: it was not asked ahead, or not answered. */
static bool
client_take_ahead(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
                  json_object **ret_result, GError **ret_failure)
{
    if (qmp_ahead_is_empty(client->ahead))
        return false;
    g_autofree char *key = qmp_ahead_dup_key(command, arguments);

    client_settle_ahead(client, key, command, wait);
    return qmp_ahead_get_answer(client->ahead, key, ret_result, ret_failure);
}

bool
qmp_client_call(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
                json_object **ret_return, GError **error)
{
    g_autoptr(json_object) own_arguments = arguments;
    g_autoptr(json_object) known = NULL;
    g_autoptr(GError) failure = NULL;
    QmpWaitResult result = qmp_wait_check(wait);

    if (result != QMP_WAIT_READY)
        return client_fail_wait(client, result, command, error);
    if (!qmp_client_wait_ready(client, wait, error))
        return false;
    if (!client_take_ahead(client, command, arguments, wait, &known, &failure)) {
        result = qmp_wait_check(wait);
        if (result != QMP_WAIT_READY)
            return client_fail_wait(client, result, command, error);
        return client_ask(client, command, g_steal_pointer(&own_arguments), wait, ret_return, error);
    }
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (ret_return)
        *ret_return = g_steal_pointer(&known);
    return true;
}

QmpEvent *
qmp_client_pop_event(QmpClient *client)
{
    return qmp_event_queue_pop(client->events, NULL);
}

static bool
condition_event(QmpClient *client, gconstpointer data)
{
    const AwaitedEvent *awaited = data;

    (void)client;
    return awaited->event != NULL;
}

QmpEvent *
qmp_client_wait_event(QmpClient *client, const char *name, const QmpWait *wait, GError **error)
{
    const char *what = name ? name : "event";
    QmpWaitResult result = qmp_wait_check(wait);

    /* Also where there is one: a peer that floods us would otherwise never let it come to the deadline. */
    if (result != QMP_WAIT_READY) {
        client_fail_wait(client, result, what, error);
        return NULL;
    }
    AwaitedEvent awaited = {.name = name, .event = qmp_event_queue_pop(client->events, name)};
    if (awaited.event)
        return awaited.event;
    client->awaited = &awaited;
    client_wait(client, condition_event, &awaited, what, wait, error);
    client->awaited = NULL;
    return awaited.event;
}
