/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/output.h"
#include "qmp/json.h"

static void
print_list(const char *label, json_object *reply, const char *member)
{
    g_auto(GStrv) values = qmp_json_dup_strv(reply, member);
    g_autofree char *joined = values ? g_strjoinv(" ", values) : NULL;
    g_autofree char *quoted = cli_output_quote(joined);

    cli_output_line("%-10s%s", label, quoted);
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    if (!cli_verb_parse(invocation, NULL, error))
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply =
        cli_verb_call(invocation, "io.moult.Capabilities", NULL, CLI_CLIENT_ANSWER_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json) {
        g_autofree char *version = cli_output_quote(qmp_json_get_string(reply, "version"));
        cli_output_line("%-10s%s", "version:", version);
        print_list("methods:", reply, "methods");
        print_list("features:", reply, "features");
    }
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_capabilities = {
    .name = "capabilities",
    .synopsis = "",
    .summary = "What the engine that runs can do",
    .run = run,
};
