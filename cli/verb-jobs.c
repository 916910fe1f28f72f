/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/table.h"
#include "qmp/json.h"

static const char *const headings[] = {">JOB", "KIND", "STATE", "STARTED", "GUESTS", "PROGRESS"};

static char *
join_guests(json_object *job)
{
    g_auto(GStrv) guests = qmp_json_dup_strv(job, "guests");

    return guests ? g_strjoinv(" ", guests) : g_strdup("-");
}

/* "web1: perform: migrate" of each guest under way; of a job that is done, how its guests fared. */
static char *
describe_progress(json_object *job)
{
    json_object *progress = qmp_json_get_array(job, "progress"),
                *results = qmp_json_get_array(job, "results");
    g_autoptr(GString) text = g_string_new(NULL);
    bool done = g_strcmp0(qmp_json_get_string(job, "state"), "done") == 0;
    json_object *entries = done ? results : progress;

    for (size_t i = 0; entries && i < json_object_array_length(entries); i++) {
        json_object *entry = json_object_array_get_idx(entries, i);
        const char *guest = qmp_json_get_string(entry, "guest");
        const char *what = qmp_json_get_string(entry, done ? "outcome" : "phase");
        g_autofree char *step = done ? NULL : cli_format_step(entry);
        g_string_append_printf(text, "%s%s: %s%s%s", i > 0 ? ", " : "", guest ? guest : "?",
                               what ? what : "?", step ? ": " : "", step ? step : "");
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
print_jobs(json_object *jobs)
{
    g_autoptr(CliTable) table = cli_table_new(headings, G_N_ELEMENTS(headings));
    size_t n = jobs ? json_object_array_length(jobs) : 0;

    for (size_t i = 0; i < n; i++) {
        json_object *job = json_object_array_get_idx(jobs, i);
        cli_table_take(table, cli_format_int(job, "id"));
        cli_table_add(table, qmp_json_get_string(job, "kind"));
        cli_table_add(table, qmp_json_get_string(job, "state"));
        cli_table_take(table, cli_format_time(job, "started"));
        cli_table_take(table, join_guests(job));
        cli_table_take(table, describe_progress(job));
    }
    if (n > 0)
        cli_table_print(table, stdout);
    else
        cli_output_note("no jobs");
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    if (!cli_verb_parse(invocation, NULL, error))
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply =
        cli_verb_call(invocation, "io.moult.Jobs", NULL, CLI_CLIENT_ANSWER_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json)
        print_jobs(qmp_json_get_array(reply, "jobs"));
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_jobs = {
    .name = "jobs",
    .synopsis = "",
    .summary = "List what the engine is doing",
    .run = run,
};
