/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes, in any pieces, from a client of the control socket. What must hold:
 *  - how the bytes are split changes nothing: the same answers come, in the same order;
 *  - every answer is a varlink reply, and a handler sees only what the interface description allows;
 *  - once the client has gone, the connection ends, and every call that was kept is told.
 * The first byte chooses how the client leaves, the second the pieces.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/connection.h"
#include "control/service.h"
#include "qmp/json.h"
#include "qmp/stream.h"

#define INPUT_MAX 60000
#define ROUNDS_MAX 200000

static const ControlConnectionLimits LIMITS = {
    .stream = {.message_bytes = 20000, .message_cost_bytes = 400000, .depth = 16, .output_bytes = 8 << 20},
    .half_message_ms = 60000,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    ControlConnection *connection;
    ControlCall *kept;   /* answered when nothing else is to do */
    ControlCall *waiter; /* never answered */
} Client;

static ControlService *service;

static void
handle_reply(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)user_data;
    g_assert_nonnull(qmp_json_get_string(parameters, "name"));
    control_call_reply(call, NULL);
}

static void
handle_list(ControlCall *call, json_object *parameters, gpointer user_data)
{
    json_object *all = json_object_object_get(parameters, "all"), *reply = json_object_new_object();

    (void)user_data;
    g_assert_true(!all || json_object_is_type(all, json_type_boolean));
    json_object_object_add(reply, "guests", json_object_new_array());
    control_call_reply(call, reply);
}

static void
handle_fail(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)user_data;
    (void)parameters;
    control_call_fail(call, "io.moult.Failed", NULL);
}

/* The handlers' user data is the service's, which is shared: the client at hand is found here. */
static Client *current;

static void
handle_keep(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)user_data;
    g_assert_nonnull(qmp_json_get_string(parameters, "name"));
    g_assert_null(current->kept);
    current->kept = control_call_ref(call);
}

static void
on_waiter_closed(ControlCall *call, gpointer user_data)
{
    g_assert_true(control_call_is_closed(call));
    g_assert_true(user_data == current && current->waiter == call);
    g_clear_pointer(&current->waiter, control_call_unref);
}

static void
handle_watch(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)user_data;
    (void)parameters;
    g_assert_true(control_call_wants_more(call));
    g_assert_null(current->waiter);
    control_call_reply_continues(call, NULL);
    control_call_reply_continues(call, NULL);
    current->waiter = control_call_ref(call);
    control_call_set_closed_func(call, on_waiter_closed, current);
}

static const ControlMethod methods[] = {
    {.name = "io.moult.Undefine", .handle = handle_reply},
    {.name = "io.moult.List", .handle = handle_list},
    {.name = "io.moult.Upgrade", .handle = handle_fail},
    {.name = "io.moult.Start", .handle = handle_keep},
    {.name = "io.moult.Watch", .handle = handle_watch, .needs_more = true},
};

static void
on_call(ControlCall *call, json_object *parameters, gpointer user_data)
{
    (void)user_data;
    control_service_handle(service, call, parameters);
}

static void
on_ended(ControlConnection *connection, gpointer user_data)
{
    Client *client = user_data;

    g_assert_true(connection == client->connection);
    g_clear_pointer(&client->connection, control_connection_free);
}

static const ControlConnectionFuncs funcs = {.handle = on_call, .ended = on_ended};

/* Until nothing is left to do; a call that was kept is answered then. */
static void
settle(Client *client)
{
    for (guint rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        if (g_main_context_iteration(NULL, FALSE))
            continue;
        if (!client->kept)
            return;
        control_call_reply(client->kept, NULL);
        g_clear_pointer(&client->kept, control_call_unref);
    }
    g_assert_not_reached();
}

static void
check_reply(json_object *reply)
{
    const char *error = qmp_json_get_string(reply, "error");
    bool continues = false;

    g_assert_nonnull(qmp_json_get_object(reply, "parameters"));
    (void)qmp_json_get_bool(reply, "continues", &continues);
    g_assert_false(error && continues);
    g_assert_true(!error || g_str_has_prefix(error, "io.moult.") ||
                  g_str_has_prefix(error, "org.varlink.service."));
}

/* Takes what the server has said. */
static void
drain(QmpStream *stream, GString *log)
{
    for (;;) {
        g_autoptr(json_object) reply = NULL;
        guint64 before = qmp_stream_get_received_bytes(stream);
        QmpStreamResult result = qmp_stream_receive(stream, &reply, NULL);
        if (result == QMP_STREAM_MESSAGE) {
            check_reply(reply);
            g_string_append_printf(log, "%s\n", qmp_json_to_text(reply, NULL));
        } else if (result != QMP_STREAM_AGAIN || qmp_stream_get_received_bytes(stream) == before) {
            return;
        }
    }
}

/* What the server answers to DATA in pieces of PIECE bytes. */
static char *
run(const uint8_t *data, size_t size, size_t piece, bool half_close)
{
    g_autoptr(GString) log = g_string_new(NULL);
    const ControlPeer peer = {0};
    Client client = {0};
    int fds[2];

    g_assert_true(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    current = &client;
    client.connection = control_connection_new(fds[0], &peer, &LIMITS, &funcs, &client);
    QmpStream *stream = qmp_stream_new(fds[1], QMP_STREAM_NUL, &QMP_STREAM_LIMITS_QEMU);
    for (size_t at = 0; at < size; at += piece) {
        if (send(fds[1], data + at, MIN(piece, size - at), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        settle(&client);
        drain(stream, log);
    }
    if (half_close) {
        g_assert_true(shutdown(fds[1], SHUT_WR) == 0);
        settle(&client);
        drain(stream, log);
    }
    qmp_stream_free(stream);
    settle(&client);
    g_assert_null(client.connection);
    g_assert_null(client.waiter);
    return g_string_free(g_steal_pointer(&log), FALSE);
}

static GLogWriterOutput
drop_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
    (void)fields;
    (void)n_fields;
    (void)user_data;
    /* A broken rule of ours is no business of the client's. */
    g_assert_false(level & G_LOG_LEVEL_CRITICAL);
    return G_LOG_WRITER_HANDLED;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!service) {
        g_log_set_writer_func(drop_log, NULL, NULL);
        service = control_service_new(methods, G_N_ELEMENTS(methods), NULL);
    }
    if (size < 2 || size > INPUT_MAX)
        return 0;
    bool half_close = data[0] & 1;
    size_t piece = MAX(1 + (size_t)data[1], size / 300);
    g_autofree char *whole = run(data + 2, size - 2, size, half_close);
    g_autofree char *pieces = run(data + 2, size - 2, piece, half_close);

    g_assert_cmpstr(whole, ==, pieces);
    return 0;
}
