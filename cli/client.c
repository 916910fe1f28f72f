/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/client.h"

#include <string.h>

#include "cli/error.h"
#include "qmp/json.h"
#include "qmp/stream.h"

/* The engine accepts calls up to 1 MiB; its answers grow with the number of guests and of their past. */
static const QmpStreamLimits limits = {
    .message_bytes = 128 << 20, .message_cost_bytes = 1 << 30, .depth = 64, .output_bytes = 1 << 20};

struct CliClient {
    QmpStream *stream;
};

CliClient *
cli_client_new(int fd)
{
    CliClient *client = g_new0(CliClient, 1);

    client->stream = qmp_stream_new(fd, QMP_STREAM_NUL, &limits);
    return client;
}

void
cli_client_free(CliClient *client)
{
    if (!client)
        return;
    qmp_stream_free(client->stream);
    g_free(client);
}

bool
cli_client_send(CliClient *client, const char *method, json_object *parameters, CliClientMode mode,
                GError **error)
{
    g_autoptr(json_object) message = json_object_new_object();
    g_autoptr(GError) local_error = NULL;

    qmp_json_add_string(message, "method", method);
    qmp_json_add_value(message, "parameters", parameters);
    if (mode == CLI_CLIENT_MORE_REPLIES)
        qmp_json_add_bool(message, "more", true);
    if (qmp_stream_send(client->stream, message, &local_error))
        return true;
    if (g_error_matches(local_error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL))
        cli_error_set(error, CLI_EXIT_USAGE, "arguments and environment are too long: more than %zu bytes",
                      limits.output_bytes);
    else
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "lost the connection to the engine: %s",
                      local_error->message);
    return false;
}

/* Takes MESSAGE apart. */
static CliClientResult
take_reply(json_object *message, json_object **ret_parameters, GError **error)
{
    const char *name = qmp_json_get_string(message, "error");
    json_object *parameters = qmp_json_get_object(message, "parameters");
    bool continues = false;

    if (name) {
        cli_error_set_remote(error, name, parameters);
        return CLI_CLIENT_FAILED;
    }
    (void)qmp_json_get_bool(message, "continues", &continues);
    *ret_parameters = parameters ? json_object_get(parameters) : json_object_new_object();
    return continues ? CLI_CLIENT_CONTINUES : CLI_CLIENT_LAST;
}

static CliClientResult
fail_connection(const char *reason, GError **error)
{
    cli_error_set(error, CLI_EXIT_UNREACHABLE, "lost the connection to the engine: %s", reason);
    return CLI_CLIENT_FAILED;
}

/* Until there is something to read or to write. True when the wait is not over. */
static bool
wait_for_stream(CliClient *client, const QmpWait *wait, CliClientResult *ret_result, GError **error)
{
    switch (
        qmp_wait_poll(wait, qmp_stream_get_fd(client->stream), qmp_stream_get_poll_events(client->stream))) {
    case QMP_WAIT_READY:
        return true;
    case QMP_WAIT_CANCELLED:
        *ret_result = CLI_CLIENT_CANCELLED;
        return false;
    case QMP_WAIT_TIMED_OUT:
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "the engine does not answer");
        *ret_result = CLI_CLIENT_FAILED;
        return false;
    }
    g_assert_not_reached();
}

CliClientResult
cli_client_receive(CliClient *client, const QmpWait *wait, json_object **ret_parameters, GError **error)
{
    for (;;) {
        g_autoptr(json_object) message = NULL;
        g_autoptr(GError) local_error = NULL;
        CliClientResult result;

        /* A failure to send shows as the end of the connection below, after what came before it. */
        (void)qmp_stream_flush(client->stream, NULL);
        switch (qmp_stream_receive(client->stream, &message, &local_error)) {
        case QMP_STREAM_MESSAGE:
            return take_reply(message, ret_parameters, error);
        case QMP_STREAM_EOF:
            return fail_connection("it has closed it", error);
        case QMP_STREAM_FAILED:
            return fail_connection(local_error->message, error);
        case QMP_STREAM_AGAIN:
            if (!wait_for_stream(client, wait, &result, error))
                return result;
        }
    }
}

json_object *
cli_client_call(CliClient *client, const char *method, json_object *parameters, gint64 timeout_ms,
                GError **error)
{
    QmpWait wait = qmp_wait_from_now(timeout_ms, -1);
    g_autoptr(json_object) reply = NULL;

    if (!cli_client_send(client, method, parameters, CLI_CLIENT_ONE_REPLY, error))
        return NULL;
    switch (cli_client_receive(client, &wait, &reply, error)) {
    case CLI_CLIENT_LAST:
        return g_steal_pointer(&reply);
    case CLI_CLIENT_CONTINUES:
        cli_error_set(error, CLI_EXIT_FAILED, "the engine sent several replies where one was asked for");
        return NULL;
    case CLI_CLIENT_CANCELLED:
        /* There is nothing to cancel it by: waiting itself has failed. */
        (void)fail_connection("cannot wait for it", error);
        return NULL;
    case CLI_CLIENT_FAILED:
        return NULL;
    }
    g_assert_not_reached();
}
