/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/launch.h"
#include "qmp/json.h"

#define START_TIMEOUT_MS 300000

static CliExit
run(CliInvocation *invocation, GError **error)
{
    if (!cli_verb_parse(invocation, NULL, error))
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply = cli_verb_call(
        invocation, "io.moult.Start", cli_verb_name_parameter(invocation), START_TIMEOUT_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json)
        cli_launch_print(qmp_json_get_object(reply, "guest"));
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_start = {
    .name = "start",
    .synopsis = "NAME",
    .summary = "Start a guest that is defined",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
