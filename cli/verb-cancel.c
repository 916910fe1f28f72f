/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/job.h"
#include "cli/output.h"

static CliExit
run(CliInvocation *invocation, GError **error)
{
    guint64 job;

    if (!cli_verb_parse(invocation, NULL, error))
        return CLI_EXIT_USAGE;
    if (!g_ascii_string_to_unsigned(invocation->operands[0], 10, 0, G_MAXINT64 - 1, &job, NULL)) {
        cli_error_set(error, CLI_EXIT_USAGE, "'%s' is no job: moult jobs lists their numbers",
                      invocation->operands[0]);
        return CLI_EXIT_USAGE;
    }
    g_autoptr(json_object) reply = cli_job_cancel((gint64)job, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (invocation->json)
        cli_output_json(reply);
    if (cli_job_print_late(reply) > 0)
        return CLI_EXIT_FAILED;
    if (!invocation->json)
        cli_output_line("job %s: cancelled", invocation->operands[0]);
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_cancel = {
    .name = "cancel",
    .synopsis = "JOB",
    .summary = "Roll an upgrade back while that is possible",
    .details = "The exit status is 1 when one of its guests had been taken over by its new QEMU already.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
