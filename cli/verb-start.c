/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/format.h"
#include "cli/output.h"
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
    if (!invocation->json) {
        json_object *guest = qmp_json_get_object(reply, "guest");
        g_autofree char *name = cli_output_quote(invocation->operands[0]);
        g_autofree char *version = cli_format_version(qmp_json_get_object(guest, "qemu"));
        g_autofree char *pid = cli_format_int(guest, "pid");
        cli_output_line("%s: running on QEMU %s, pid %s", name, version, pid);
    }
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
