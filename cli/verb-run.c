/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include <string.h>

#include "cli/client.h"
#include "cli/engine.h"
#include "cli/launch.h"
#include "cli/outlive.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "qmp/json.h"

/* Asking an unknown binary what it is, and a start with much memory to prepare, take their time. */
#define RUN_TIMEOUT_MS 300000
#define SIGNAL_EXIT_BASE 128

static void
print_end(json_object *guest, json_object *end)
{
    g_autofree char *name = cli_output_quote(qmp_json_get_string(guest, "name"));
    g_autofree char *reason = cli_output_quote(qmp_json_get_string(end, "reason"));
    const char *message = qmp_json_get_string(end, "message");
    g_autofree char *quoted = message ? cli_output_quote(message) : NULL;

    cli_output_line("%s: ended: %s%s%s", name, reason, quoted ? ": " : "", quoted ? quoted : "");
}

/* A guest that was shut down, or whose QEMU was asked to quit, has ended well; so has a QEMU that exits with
 * 0. */
static CliExit
exit_of_end(json_object *end)
{
    const char *reason = qmp_json_get_string(end, "reason");
    gint64 exit_code;

    if (qmp_json_get_int64(end, "exit_code", &exit_code))
        return exit_code == 0 ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
    if (g_strcmp0(reason, "guest-shutdown") == 0 || g_strcmp0(reason, "host-qmp-quit") == 0)
        return CLI_EXIT_DONE;
    return CLI_EXIT_FAILED;
}

/* Takes CLIENT. */
static CliExit
wait_for_end(const CliInvocation *invocation, CliClient *client, json_object *reply, int signal_fd,
             GError **error)
{
    json_object *guest = qmp_json_get_object(reply, "guest");
    g_autoptr(json_object) end = NULL;
    int signal_number = 0;

    if (!cli_outlive_wait(client, guest, signal_fd, &end, &signal_number, error))
        return CLI_EXIT_FAILED;
    if (!end) {
        g_autofree char *name = cli_output_quote(qmp_json_get_string(guest, "name"));
        g_printerr("moult: %s keeps running; `moult stop %s` ends it\n", name, name);
    } else if (!invocation->json) {
        print_end(guest, end);
    }
    if (invocation->json) {
        json_object_object_add(reply, "end", json_object_get(end));
        cli_output_json(reply);
    }
    return end ? exit_of_end(end) : (CliExit)(SIGNAL_EXIT_BASE + signal_number);
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    g_auto(CliLaunchOptions) options = {0};
    gboolean wait = FALSE;
    const GOptionEntry entries[] = {
        CLI_LAUNCH_ENTRIES(&options),
        {"wait", 0, 0, G_OPTION_ARG_NONE, &wait, "Stay until the guest ends, through all its upgrades", NULL},
        G_OPTION_ENTRY_NULL,
    };

    cli_launch_prepare(invocation);
    if (!cli_verb_parse(invocation, entries, error))
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) parameters = cli_launch_make_parameters(invocation, &options, error);
    if (!parameters)
        return CLI_EXIT_USAGE;
    g_autoptr(CliClient) client = cli_engine_connect(error);
    if (!client)
        return CLI_EXIT_UNREACHABLE;
    /* From here on: a signal that comes while the guest starts must not leave the operator in the dark. */
    int signal_fd = wait ? cli_signals_open() : -1;
    g_autoptr(json_object) reply =
        cli_client_call(client, "io.moult.Run", g_steal_pointer(&parameters), RUN_TIMEOUT_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json)
        cli_launch_print(qmp_json_get_object(reply, "guest"));
    else if (!wait)
        cli_output_json(reply);
    return wait ? wait_for_end(invocation, g_steal_pointer(&client), reply, signal_fd, error) : CLI_EXIT_DONE;
}

const CliVerb cli_verb_run = {
    .name = "run",
    .synopsis = "NAME -- QEMU ARGS...",
    .summary = "Start a guest on its own QEMU command line",
    .details =
        "The guest gets this shell's folder and environment, and is forgotten when it ends.\n"
        "With --wait the exit status is 0 when the guest was shut down or its QEMU exited with 0, else 1;\n"
        "128 and the signal's number after SIGINT or SIGTERM, which leave the guest running.",
    .min_operands = 1,
    .max_operands = 1,
    .takes_command = true,
    .run = run,
};
