/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/output.h"
#include "qmp/json.h"

#define STOP_TIMEOUT_MS 60000
/* What the engine may need beyond the time that the guest has. */
#define ENGINE_EXTRA_MS 30000

static void
print_end(const CliInvocation *invocation, json_object *end)
{
    g_autofree char *name = cli_output_quote(invocation->operands[0]);
    g_autofree char *reason = cli_output_quote(qmp_json_get_string(end, "reason"));

    cli_output_line("%s: stopped (%s)", name, reason);
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    gboolean force = FALSE;
    g_autofree char *timeout = NULL;
    gint64 timeout_ms = STOP_TIMEOUT_MS;
    const GOptionEntry entries[] = {
        {"force", 0, 0, G_OPTION_ARG_NONE, &force, "End its QEMU at once, without asking the guest", NULL},
        {"timeout", 0, 0, G_OPTION_ARG_FILENAME, &timeout, "How long the guest may take (60)", "SECONDS"},
        G_OPTION_ENTRY_NULL,
    };

    if (!cli_verb_parse(invocation, entries, error) || !cli_verb_parse_seconds(timeout, &timeout_ms, error))
        return CLI_EXIT_USAGE;
    json_object *parameters = cli_verb_name_parameter(invocation);
    qmp_json_add_bool(parameters, "force", force);
    qmp_json_add_int64(parameters, "timeout_ms", timeout_ms);
    g_autoptr(json_object) reply =
        cli_verb_call(invocation, "io.moult.Stop", parameters, timeout_ms + ENGINE_EXTRA_MS, error);
    if (!reply) {
        if (*error && cli_error_get_exit(*error) == CLI_EXIT_TIMED_OUT)
            cli_error_add_hint(*error, "moult stop --force ends its QEMU without asking the guest");
        return CLI_EXIT_FAILED;
    }
    if (!invocation->json)
        print_end(invocation, qmp_json_get_object(reply, "end"));
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_stop = {
    .name = "stop",
    .synopsis = "NAME",
    .summary = "Shut a guest down",
    .details = "Asks the guest to power down and waits for its end.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
