/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/outlive.h"

#include <string.h>

#include "cli/engine.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "qmp/json.h"

/* An engine that dies of being asked is not asked for ever. */
#define MAX_QUICK_LOSSES 5
#define QUICK_LOSS_US (5 * G_TIME_SPAN_SECOND)

static json_object *
make_unknown_end(const char *message)
{
    json_object *end = json_object_new_object();

    qmp_json_add_string(end, "reason", "unknown");
    json_object_object_add(end, "exit_code", NULL);
    json_object_object_add(end, "signal", NULL);
    qmp_json_add_string(end, "message", message);
    return end;
}

static json_object *
make_name_parameter(json_object *guest)
{
    json_object *parameters = json_object_new_object();

    qmp_json_add_string(parameters, "name", qmp_json_get_string(guest, "name"));
    return parameters;
}

/* Whether the guest that has the name now is still the same one. False without an error: it is not, or there
 * is none. */
static bool
is_still_there(CliClient *client, json_object *guest, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    g_autoptr(json_object) reply = cli_client_call(client, "io.moult.Show", make_name_parameter(guest),
                                                   CLI_CLIENT_ANSWER_MS, &local_error);

    if (!reply) {
        if (cli_error_get_exit(local_error) != CLI_EXIT_REFUSED)
            g_propagate_error(error, g_steal_pointer(&local_error));
        return false;
    }
    json_object *now = qmp_json_get_object(qmp_json_get_object(reply, "details"), "guest");
    return g_strcmp0(qmp_json_get_string(now, "uuid"), qmp_json_get_string(guest, "uuid")) == 0 &&
           g_strcmp0(qmp_json_get_string(now, "state"), "shut-off") != 0;
}

/* One call of Wait. */
static CliClientResult
wait_once(CliClient *client, json_object *guest, int signal_fd, json_object **ret_end, GError **error)
{
    QmpWait wait = {.deadline_us = CLI_CLIENT_NO_DEADLINE, .cancel_fd = signal_fd};
    g_autoptr(json_object) reply = NULL;
    g_autoptr(GError) local_error = NULL;

    if (!cli_client_send(client, "io.moult.Wait", make_name_parameter(guest), CLI_CLIENT_ONE_REPLY, error))
        return CLI_CLIENT_FAILED;
    CliClientResult result = cli_client_receive(client, &wait, &reply, &local_error);
    if (result == CLI_CLIENT_FAILED && cli_error_get_exit(local_error) == CLI_EXIT_REFUSED) {
        *ret_end = make_unknown_end("it ended before it could be waited for");
        return CLI_CLIENT_LAST;
    }
    if (result == CLI_CLIENT_FAILED)
        g_propagate_error(error, g_steal_pointer(&local_error));
    if (result == CLI_CLIENT_LAST)
        *ret_end = json_object_get(qmp_json_get_object(reply, "end"));
    return result;
}

/* An engine that is gone for good ends the wait; one that is lost is looked for, but not too often. */
static bool
is_worth_another(const GError *loss, gint64 since_us, guint *n_quick)
{
    *n_quick = g_get_monotonic_time() - since_us < QUICK_LOSS_US ? *n_quick + 1 : 0;
    return cli_error_get_exit(loss) == CLI_EXIT_UNREACHABLE && *n_quick < MAX_QUICK_LOSSES;
}

/* A new connection in place of *CLIENT. RET_GONE: the guest is not there any more. */
static bool
reconnect(CliClient **client, json_object *guest, bool *ret_gone, GError **error)
{
    g_autoptr(GError) local_error = NULL;

    g_clear_pointer(client, cli_client_free);
    *client = cli_engine_connect(error);
    if (!*client)
        return false;
    *ret_gone = !is_still_there(*client, guest, &local_error);
    /* Lost again already: the next call on the connection will say so, and be counted. */
    if (local_error)
        *ret_gone = false;
    return true;
}

bool
cli_outlive_wait(CliClient *client, json_object *guest, int signal_fd, json_object **ret_end, int *ret_signal,
                 GError **error)
{
    g_autoptr(CliClient) current = client;
    guint n_quick = 0;
    bool gone = false;

    *ret_signal = 0;
    while (!gone) {
        g_autoptr(GError) loss = NULL;
        gint64 since_us = g_get_monotonic_time();
        CliClientResult result = wait_once(current, guest, signal_fd, ret_end, &loss);
        if (result == CLI_CLIENT_CANCELLED)
            *ret_signal = cli_signals_take(signal_fd);
        if (result != CLI_CLIENT_FAILED)
            return true;
        if (!is_worth_another(loss, since_us, &n_quick)) {
            g_propagate_error(error, g_steal_pointer(&loss));
            return false;
        }
        cli_output_note("moult: %s; looking for it again", loss->message);
        if (!reconnect(&current, guest, &gone, error))
            return false;
    }
    *ret_end = make_unknown_end("it ended while no engine was running");
    return true;
}
