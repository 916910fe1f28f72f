/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/engine.h"
#include "cli/format.h"
#include "cli/output.h"
#include "qmp/json.h"

/* Of a Qemu its version, of everything else what JSON has. */
static char *
describe_value(json_object *value)
{
    const char *simple = qmp_json_as_string(value), *version = qmp_json_get_string(value, "version");

    if (version)
        return g_strdup(version);
    return g_strdup(simple ? simple : qmp_json_to_text(value, NULL));
}

/* "phase=perform step=migrate": what an event has beyond its time, guest and name. */
static char *
describe_data(json_object *data)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (data) {
        json_object_object_foreach(data, key, value)
        {
            g_autofree char *described =
                g_str_equal(key, "step") ? cli_format_step(data) : describe_value(value);
            if (value && !g_str_equal(key, "guest"))
                g_string_append_printf(text, "  %s=%s", key, described);
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
print_event(const CliInvocation *invocation, json_object *event)
{
    if (invocation->json) {
        cli_output_json(event);
        return;
    }
    g_autofree char *time = cli_format_time(event, "time");
    g_autofree char *name = cli_output_quote(qmp_json_get_string(event, "event"));
    g_autofree char *guest = cli_output_quote(qmp_json_get_string(event, "guest"));
    g_autofree char *data = describe_data(qmp_json_get_object(event, "data"));
    g_autofree char *quoted = cli_output_quote(data);
    cli_output_line("%s  %s  %s%s", time, guest, name, quoted);
}

static CliExit
follow(const CliInvocation *invocation, CliClient *client, GError **error)
{
    const QmpWait wait = {.deadline_us = CLI_CLIENT_NO_DEADLINE, .cancel_fd = -1};

    for (;;) {
        g_autoptr(json_object) reply = NULL;

        switch (cli_client_receive(client, &wait, &reply, error)) {
        case CLI_CLIENT_CONTINUES:
            if (qmp_json_get_object(reply, "event"))
                print_event(invocation, qmp_json_get_object(reply, "event"));
            break;
        case CLI_CLIENT_LAST:
            return CLI_EXIT_DONE;
        case CLI_CLIENT_CANCELLED:
            cli_error_set(error, CLI_EXIT_UNREACHABLE, "cannot wait for the engine");
            return CLI_EXIT_UNREACHABLE;
        case CLI_CLIENT_FAILED:
            return CLI_EXIT_UNREACHABLE;
        }
    }
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    if (!cli_verb_parse(invocation, NULL, error))
        return CLI_EXIT_USAGE;
    g_autoptr(CliClient) client = cli_engine_connect(error);
    if (!client)
        return CLI_EXIT_UNREACHABLE;
    json_object *parameters = json_object_new_object();
    qmp_json_add_string(parameters, "guest", invocation->operands[0]);
    if (!cli_client_send(client, "io.moult.Watch", parameters, CLI_CLIENT_MORE_REPLIES, error))
        return CLI_EXIT_UNREACHABLE;
    return follow(invocation, client, error);
}

const CliVerb cli_verb_watch = {
    .name = "watch",
    .synopsis = "[NAME]",
    .summary = "Print what happens to guests, as it happens",
    .details =
        "With --json every event is an object on a line of its own. Ends with the engine, or with Ctrl-C.",
    .max_operands = 1,
    .run = run,
};
