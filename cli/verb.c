/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include <math.h>
#include <string.h>

#include "cli/client.h"
#include "cli/engine.h"
#include "cli/output.h"
#include "qmp/json.h"

#define SECONDS_MAX 1e6

/* GOption has its own idea of "--": what follows it is taken away before GOption sees any of it. */
static char **
split_at_dashes(char **arguments)
{
    for (size_t i = 0; arguments[i]; i++) {
        if (strcmp(arguments[i], "--") != 0)
            continue;
        char **rest = g_strdupv(arguments + i + 1);
        for (size_t j = i; arguments[j]; j++)
            g_clear_pointer(&arguments[j], g_free);
        return rest;
    }
    return NULL;
}

static bool
fail_usage(const CliVerb *verb, const char *problem, GError **error)
{
    cli_error_set(error, CLI_EXIT_USAGE, "%s: %s\nusage: moult %s %s", verb->name, problem, verb->name,
                  verb->synopsis);
    return false;
}

static bool
check_operands(const CliInvocation *invocation, GError **error)
{
    const CliVerb *verb = invocation->verb;

    if (invocation->n_operands < verb->min_operands)
        return fail_usage(verb, "an argument is missing", error);
    if (invocation->n_operands > verb->max_operands) {
        g_autofree char *problem =
            g_strdup_printf("unexpected argument '%s'", invocation->operands[verb->max_operands]);
        return fail_usage(verb, problem, error);
    }
    if (verb->takes_command && (!invocation->command || !invocation->command[0]))
        return fail_usage(verb, "QEMU's command line is missing, behind --", error);
    return true;
}

/* The arguments as GOption wants them: with a name in front. */
static char **
make_argv(const CliInvocation *invocation)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    g_strv_builder_add(builder, "moult");
    g_strv_builder_addv(builder, (const char **)invocation->arguments);
    return g_strv_builder_end(builder);
}

/* What GOption left over; the operands behind "--" too, where that does not begin a command line. */
static void
take_operands(CliInvocation *invocation, char **argv)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    g_strv_builder_addv(builder, (const char **)(argv + 1));
    if (!invocation->verb->takes_command && invocation->command)
        g_strv_builder_addv(builder, (const char **)invocation->command);
    invocation->operands = g_strv_builder_end(builder);
    invocation->n_operands = g_strv_length(invocation->operands);
}

bool
cli_verb_parse(CliInvocation *invocation, const GOptionEntry *entries, GError **error)
{
    const CliVerb *verb = invocation->verb;
    const GOptionEntry common[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &invocation->json, "Print one JSON object on standard output",
         NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(verb->synopsis);
    g_autofree char *program = g_strdup_printf("moult %s", verb->name);
    g_autoptr(GError) local_error = NULL;

    g_set_prgname(program);
    g_option_context_set_summary(context, verb->summary);
    g_option_context_set_description(context, verb->details);
    if (entries)
        g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_main_entries(context, common, NULL);
    invocation->command = split_at_dashes(invocation->arguments);
    g_auto(GStrv) argv = make_argv(invocation);
    if (!g_option_context_parse_strv(context, &argv, &local_error)) {
        cli_error_set(error, CLI_EXIT_USAGE, "%s: %s\nsee: moult %s --help", verb->name, local_error->message,
                      verb->name);
        return false;
    }
    take_operands(invocation, argv);
    return check_operands(invocation, error);
}

json_object *
cli_verb_call(const CliInvocation *invocation, const char *method, json_object *parameters, gint64 timeout_ms,
              GError **error)
{
    g_autoptr(json_object) owned = parameters;
    g_autoptr(CliClient) client = cli_engine_connect(error);

    if (!client)
        return NULL;
    json_object *reply = cli_client_call(client, method, g_steal_pointer(&owned), timeout_ms, error);
    if (reply && invocation->json)
        cli_output_json(reply);
    return reply;
}

json_object *
cli_verb_name_parameter(const CliInvocation *invocation)
{
    json_object *parameters = json_object_new_object();

    qmp_json_add_string(parameters, "name", invocation->operands[0]);
    return parameters;
}

bool
cli_verb_parse_seconds(const char *text, gint64 *ret_ms, GError **error)
{
    char *end = NULL;

    if (!text)
        return true;
    double seconds = g_ascii_strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(seconds) || seconds <= 0 || seconds > SECONDS_MAX) {
        cli_error_set(error, CLI_EXIT_USAGE, "'%s' is no number of seconds", text);
        return false;
    }
    *ret_ms = MAX((gint64)(seconds * 1000), 1);
    return true;
}
