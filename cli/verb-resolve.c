/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/output.h"
#include "qmp/json.h"

/* Killing one, waiting for the other: the engine's own deadlines, and some. */
#define ANSWER_MS 120000

static void
print_choice(json_object *evidence, const char *keep)
{
    g_autofree char *key = g_strconcat("keep_", keep, NULL);
    json_object *choice = qmp_json_get_object(evidence, key);
    g_autofree char *means = cli_output_quote(qmp_json_get_string(choice, "means"));
    bool is_possible = false;

    qmp_json_get_bool(choice, "possible", &is_possible);
    cli_output_line("  --keep %s: %s%s", keep, is_possible ? "" : "not possible: ", means);
}

static void
print_evidence(const CliInvocation *invocation, json_object *evidence)
{
    g_autofree char *name = cli_output_quote(invocation->operands[0]);
    g_autofree char *reason = cli_output_quote(qmp_json_get_string(evidence, "reason"));

    cli_output_line("%s needs its operator: %s", name, reason);
    print_choice(evidence, "source");
    print_choice(evidence, "target");
}

static void
print_result(const CliInvocation *invocation, json_object *result)
{
    g_autofree char *name = cli_output_quote(invocation->operands[0]);
    const char *outcome = qmp_json_get_string(result, "outcome");

    if (g_strcmp0(outcome, "upgraded") == 0)
        cli_output_line("%s: runs in its new QEMU", name);
    else if (g_strcmp0(outcome, "rolled-back") == 0)
        cli_output_line("%s: runs in its old QEMU", name);
    else
        cli_output_line("%s: has ended", name);
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    g_autofree char *keep = NULL;
    const GOptionEntry entries[] = {
        {"keep", 0, 0, G_OPTION_ARG_STRING, &keep, "Which QEMU has the guest: source (the old one) or target", "WHICH"},
        G_OPTION_ENTRY_NULL,
    };

    if (!cli_verb_parse(invocation, entries, error))
        return CLI_EXIT_USAGE;
    if (keep && !g_str_equal(keep, "source") && !g_str_equal(keep, "target")) {
        g_autofree char *quoted = cli_output_quote(keep);
        cli_error_set(error, CLI_EXIT_USAGE, "--keep is 'source' or 'target', not '%s'", quoted);
        return CLI_EXIT_USAGE;
    }
    json_object *parameters = cli_verb_name_parameter(invocation);
    qmp_json_add_string(parameters, "keep", keep);
    g_autoptr(json_object) reply = cli_verb_call(invocation, "io.moult.Resolve", parameters, ANSWER_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    json_object *result = qmp_json_get_object(reply, "result");
    if (!invocation->json && result)
        print_result(invocation, result);
    else if (!invocation->json)
        print_evidence(invocation, qmp_json_get_object(reply, "evidence"));
    return result ? CLI_EXIT_DONE : CLI_EXIT_NEEDS_OPERATOR;
}

const CliVerb cli_verb_resolve = {
    .name = "resolve",
    .synopsis = "NAME",
    .summary = "Decide for a guest that needs its operator",
    .details = "Without --keep: looks again, does what has become clear meanwhile, or says what each choice means, and exits\n"
               "with 7. The QEMU that is not kept is killed first, so that two never run.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
