/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/output.h"

static CliExit
run(CliInvocation *invocation, GError **error)
{
    if (!cli_verb_parse(invocation, NULL, error))
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply = cli_verb_call(
        invocation, "io.moult.Release", cli_verb_name_parameter(invocation), CLI_CLIENT_ANSWER_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json) {
        g_autofree char *name = cli_output_quote(invocation->operands[0]);
        cli_output_line("%s: released; it keeps running", name);
    }
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_release = {
    .name = "release",
    .synopsis = "NAME",
    .summary = "Forget an adopted guest; it keeps running",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
