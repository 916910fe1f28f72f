/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One source a connection does everything: input, output, the deadline of half a message, and whatever was
 * put off to the main loop (a ready time of 0). Only connection_dispatch reads, hands out calls and ends the
 * connection, so none of this happens under a handler's feet.
 *
 * While a call is under way nothing is read: the socket's own buffer holds a client back that sends too much.
 * That the client has gone is seen all the same, as the kernel reports POLLHUP unasked once the peer has
 * closed; a client that has only shut down its sending side still gets its replies. What a client sent before
 * it left is still done, in order: a oneway call is often followed by close.
 */
#include "control/connection.h"

#include <glib-unix.h>

#include "control/call-internal.h"
#include "qmp/json.h"
#include "qmp/text.h"

typedef struct {
    GSource base;
    ControlConnection *connection;
} ConnectionSource;

struct ControlConnection {
    GSource *source;
    gpointer tag;      /* of the descriptor in the source; NULL once it is not polled */
    QmpStream *stream; /* NULL once broken by us */
    ControlPeer peer;
    gint64 half_message_ms;
    gint64 half_deadline_us; /* -1: no message has begun */
    bool input_ready;        /* there may be a whole message in the stream's buffer */
    bool eof;                /* nothing more will come */
    bool gone;               /* nothing that is sent will arrive */
    ControlCall *call;       /* under way; borrowed */
    const ControlConnectionFuncs *funcs;
    gpointer user_data;
};

void
control_connection_wake(ControlConnection *connection)
{
    g_source_set_ready_time(connection->source, 0);
}

bool
control_connection_is_closed(const ControlConnection *connection)
{
    return connection->gone;
}

bool
control_connection_has_output(const ControlConnection *connection)
{
    return !connection->gone && connection->stream && qmp_stream_has_output(connection->stream);
}

/* The kernel's POLLHUP does not go away: a source that kept watching would never sleep again. */
static void
connection_stop_polling(ControlConnection *connection)
{
    gpointer tag = g_steal_pointer(&connection->tag);

    if (tag)
        g_source_remove_unix_fd(connection->source, tag);
}

static void
connection_set_gone(ControlConnection *connection)
{
    connection->gone = true;
    connection_stop_polling(connection);
}

void
control_connection_close(ControlConnection *connection)
{
    connection_set_gone(connection);
    connection->eof = true;
    g_clear_pointer(&connection->stream, qmp_stream_free);
    control_connection_wake(connection);
}

static void
connection_log_break(const ControlConnection *connection, const char *message)
{
    g_autofree char *quoted = qmp_text_quote(message, QMP_TEXT_MESSAGE_MAX);

    g_message("control client (pid %d, uid %u) disconnected: %s", (int)connection->peer.pid,
              (unsigned)connection->peer.uid, quoted);
}

void
control_connection_send(ControlConnection *connection, json_object *message)
{
    g_autoptr(GError) local_error = NULL;

    if (connection->gone)
        return;
    control_connection_wake(connection);
    if (qmp_stream_send(connection->stream, message, &local_error))
        return;
    if (g_error_matches(local_error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL)) {
        connection_log_break(connection, local_error->message);
        control_connection_close(connection);
        return;
    }
    connection_set_gone(connection);
}

void
control_connection_end_call(ControlConnection *connection, ControlCall *call)
{
    g_return_if_fail(connection->call == call);
    connection->call = NULL;
    control_connection_wake(connection);
}

/* An absent flag, or null, is false. False when FLAG is there and no boolean. */
static bool
take_flag(json_object *message, const char *flag, bool *ret_value)
{
    bool value = false;

    if (json_object_object_get(message, flag) && !qmp_json_get_bool(message, flag, &value))
        return false;
    *ret_value = value;
    return true;
}

/* False when MESSAGE is no varlink call. */
static bool
connection_handle(ControlConnection *connection, json_object *message)
{
    ControlCallInfo info = {.method = qmp_json_get_string(message, "method"),
                            .peer = connection->peer,
                            .context = g_source_get_context(connection->source)};
    json_object *given = json_object_object_get(message, "parameters");
    bool upgrade;

    if (!info.method || !take_flag(message, "more", &info.more) ||
        !take_flag(message, "oneway", &info.oneway) || !take_flag(message, "upgrade", &upgrade) ||
        (info.more && info.oneway))
        return false;
    g_autoptr(json_object) parameters = given ? json_object_get(given) : json_object_new_object();
    g_autoptr(ControlCall) call = control_call_new(connection, &info);
    connection->call = call;
    /* `upgrade` asks for another protocol on this socket; there is none. */
    if (upgrade)
        control_call_fail_invalid_parameter(call, "upgrade");
    else if (!json_object_is_type(parameters, json_type_object))
        control_call_fail_invalid_parameter(call, "parameters");
    else
        connection->funcs->handle(call, parameters, connection->user_data);
    return true;
}

/* Reads at most once and hands out at most one call, so that no client holds up the others. */
static void
connection_read(ControlConnection *connection)
{
    g_autoptr(json_object) message = NULL;
    g_autoptr(GError) local_error = NULL;
    guint64 before = qmp_stream_get_received_bytes(connection->stream);
    QmpStreamResult result = qmp_stream_receive(connection->stream, &message, &local_error);

    connection->input_ready = result == QMP_STREAM_MESSAGE;
    switch (result) {
    case QMP_STREAM_MESSAGE:
        connection->half_deadline_us = -1;
        if (!connection_handle(connection, message)) {
            connection_log_break(connection, "not a varlink call");
            control_connection_close(connection);
        }
        return;
    case QMP_STREAM_AGAIN:
        /* Once the client is gone nobody tells when more comes: what there is must be all. */
        if (connection->gone && qmp_stream_get_received_bytes(connection->stream) == before)
            connection->eof = true;
        return;
    case QMP_STREAM_EOF:
        connection->eof = true;
        return;
    case QMP_STREAM_FAILED:
        if (!g_error_matches(local_error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_CLOSED))
            connection_log_break(connection, local_error->message);
        control_connection_close(connection);
        return;
    }
}

static void
connection_check_half_message(ControlConnection *connection)
{
    gint64 now_us = g_source_get_time(connection->source);

    if (!connection->stream || connection->call || connection->input_ready ||
        !qmp_stream_is_in_message(connection->stream)) {
        connection->half_deadline_us = -1;
    } else if (connection->half_deadline_us < 0) {
        connection->half_deadline_us = now_us + connection->half_message_ms * 1000;
    } else if (now_us >= connection->half_deadline_us) {
        connection_log_break(connection, "it did not finish a message that it had begun");
        control_connection_close(connection);
    }
}

static bool
connection_has_ended(const ControlConnection *connection)
{
    if (connection->call || !connection->eof)
        return false;
    return connection->gone || !qmp_stream_has_output(connection->stream);
}

/* Sets what the source waits for next. */
static void
connection_update(ControlConnection *connection)
{
    bool reading = !connection->call && !connection->eof;
    int events = G_IO_HUP | G_IO_ERR;

    if (reading && (connection->input_ready || connection->gone))
        control_connection_wake(connection);
    else
        g_source_set_ready_time(connection->source, connection->half_deadline_us);
    if (!connection->tag)
        return;
    if (reading && !connection->input_ready)
        events |= G_IO_IN;
    if (qmp_stream_has_output(connection->stream))
        events |= G_IO_OUT;
    g_source_modify_unix_fd(connection->source, connection->tag, (GIOCondition)events);
}

static gboolean
connection_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    ControlConnection *connection = ((ConnectionSource *)source)->connection;
    GIOCondition revents = connection->tag ? g_source_query_unix_fd(source, connection->tag) : 0;

    (void)callback;
    (void)user_data;
    g_source_set_ready_time(source, -1);
    if (revents & (G_IO_HUP | G_IO_ERR | G_IO_NVAL))
        connection_set_gone(connection);
    if (!connection->gone && (revents & G_IO_OUT) && !qmp_stream_flush(connection->stream, NULL))
        connection_set_gone(connection);
    if (!connection->call && !connection->eof)
        connection_read(connection);
    if (connection->call && connection->gone)
        control_call_notify_closed(connection->call);
    connection_check_half_message(connection);
    if (connection_has_ended(connection)) {
        /* Frees the connection, and destroys the source with it. */
        connection->funcs->ended(connection, connection->user_data);
        return G_SOURCE_REMOVE;
    }
    connection_update(connection);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs connection_source_funcs = {.dispatch = connection_dispatch};

ControlConnection *
control_connection_new(int fd, const ControlPeer *peer, const ControlConnectionLimits *limits,
                       const ControlConnectionFuncs *funcs, gpointer user_data)
{
    ControlConnection *connection = g_new0(ControlConnection, 1);

    connection->stream = qmp_stream_new(fd, QMP_STREAM_NUL, &limits->stream);
    connection->peer = *peer;
    connection->half_message_ms = limits->half_message_ms;
    connection->half_deadline_us = -1;
    connection->funcs = funcs;
    connection->user_data = user_data;
    connection->source = g_source_new(&connection_source_funcs, sizeof(ConnectionSource));
    ((ConnectionSource *)connection->source)->connection = connection;
    g_source_set_static_name(connection->source, "control connection");
    connection->tag = g_source_add_unix_fd(connection->source, fd, G_IO_IN);
    g_source_attach(connection->source, g_main_context_get_thread_default());
    return connection;
}

void
control_connection_free(ControlConnection *connection)
{
    if (!connection)
        return;
    if (connection->call)
        control_call_detach(connection->call);
    g_source_destroy(connection->source);
    g_source_unref(connection->source);
    g_clear_pointer(&connection->stream, qmp_stream_free);
    g_free(connection);
}
