/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/launch.h"
#include "cli/output.h"

/* The binary is asked what it is. */
#define DEFINE_TIMEOUT_MS 120000

static CliExit
run(CliInvocation *invocation, GError **error)
{
    g_auto(CliLaunchOptions) options = {0};
    const GOptionEntry entries[] = {CLI_LAUNCH_ENTRIES(&options), G_OPTION_ENTRY_NULL};

    cli_launch_prepare(invocation);
    if (!cli_verb_parse(invocation, entries, error))
        return CLI_EXIT_USAGE;
    json_object *parameters = cli_launch_make_parameters(invocation, &options, error);
    if (!parameters)
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply =
        cli_verb_call(invocation, "io.moult.Define", parameters, DEFINE_TIMEOUT_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json) {
        g_autofree char *name = cli_output_quote(invocation->operands[0]);
        cli_output_line("%s: defined", name);
    }
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_define = {
    .name = "define",
    .synopsis = "NAME -- QEMU ARGS...",
    .summary = "Keep a guest's definition without starting it",
    .details = "The definition holds this shell's folder and environment too.",
    .min_operands = 1,
    .max_operands = 1,
    .takes_command = true,
    .run = run,
};
