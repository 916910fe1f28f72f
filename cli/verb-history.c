/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/table.h"
#include "qmp/json.h"

#define UNLIMITED G_MAXINT

static const char *const headings[] = {"TIME",   "GUEST",     "OUTCOME",   "FROM",  "TO",
                                       "METHOD", ">DOWNTIME", ">DURATION", "REASON"};

static CliColour
colour_of_outcome(const char *outcome)
{
    if (g_strcmp0(outcome, "upgraded") == 0)
        return CLI_COLOUR_GOOD;
    if (g_strcmp0(outcome, "unchanged") == 0)
        return CLI_COLOUR_NONE;
    return g_strcmp0(outcome, "refused") == 0 ? CLI_COLOUR_WARN : CLI_COLOUR_BAD;
}

static void
add_entry(CliTable *table, json_object *entry)
{
    const char *outcome = qmp_json_get_string(entry, "outcome");
    const char *code = qmp_json_get_string(entry, "code");
    const char *message = qmp_json_get_string(entry, "message");

    cli_table_take(table, cli_format_time(entry, "time"));
    cli_table_add(table, qmp_json_get_string(entry, "guest"));
    cli_table_add_coloured(table, colour_of_outcome(outcome), outcome);
    cli_table_take(table, cli_format_version(qmp_json_get_object(entry, "from")));
    cli_table_take(table, cli_format_version(qmp_json_get_object(entry, "to")));
    cli_table_add(table, qmp_json_get_string(entry, "method"));
    cli_table_take(table, cli_format_ms(entry, "downtime_ms"));
    cli_table_take(table, cli_format_ms(entry, "duration_ms"));
    if (code && message)
        cli_table_take(table, g_strdup_printf("%s: %s", code, message));
    else
        cli_table_add(table, message ? message : code);
}

static void
print_entries(json_object *entries)
{
    g_autoptr(CliTable) table = cli_table_new(headings, G_N_ELEMENTS(headings));
    size_t n = entries ? json_object_array_length(entries) : 0;

    for (size_t i = 0; i < n; i++)
        add_entry(table, json_object_array_get_idx(entries, i));
    if (n > 0)
        cli_table_print(table, stdout);
    else
        cli_output_note("nothing has happened yet");
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    gint limit = UNLIMITED;
    const GOptionEntry entries[] = {
        {"limit", 'n', 0, G_OPTION_ARG_INT, &limit, "Only the last N entries", "N"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(json_object) parameters = json_object_new_object();

    if (!cli_verb_parse(invocation, entries, error))
        return CLI_EXIT_USAGE;
    if (limit < 1) {
        cli_error_set(error, CLI_EXIT_USAGE, "--limit=%d: not a number of entries", limit);
        return CLI_EXIT_USAGE;
    }
    qmp_json_add_string(parameters, "guest", invocation->operands[0]);
    if (limit != UNLIMITED)
        qmp_json_add_int64(parameters, "limit", limit);
    g_autoptr(json_object) reply = cli_verb_call(invocation, "io.moult.History", g_steal_pointer(&parameters),
                                                 CLI_CLIENT_ANSWER_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json)
        print_entries(qmp_json_get_array(reply, "entries"));
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_history = {
    .name = "history",
    .synopsis = "[NAME]",
    .summary = "List past upgrades, oldest first",
    .max_operands = 1,
    .run = run,
};
