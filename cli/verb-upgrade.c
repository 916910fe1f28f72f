/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include <string.h>

#include "cli/job.h"
#include "cli/output.h"
#include "cli/result.h"
#include "cli/selection.h"
#include "qmp/json.h"

/* As many as the engine thinks right. */
#define ANY_NUMBER G_MAXINT

typedef struct {
    gboolean all, outdated, dry_run, paused;
    char *to, *method, *timeout, *max_downtime;
    gint parallel;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->to);
    g_free(options->method);
    g_free(options->timeout);
    g_free(options->max_downtime);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* False for what the engine need not be asked about. */
static bool
check_options(const Options *options, GError **error)
{
    if (options->parallel < 1) {
        cli_error_set(error, CLI_EXIT_USAGE, "--parallel=%d: at least one at a time", options->parallel);
        return false;
    }
    return true;
}

static json_object *
make_parameters(const CliInvocation *invocation, const Options *options, GError **error)
{
    g_autoptr(json_object) parameters = json_object_new_object();
    gint64 timeout_ms = 0;

    if (!check_options(options, error) ||
        !cli_selection_add(invocation, options->all, options->outdated, parameters, error) ||
        !cli_selection_add_target(options->to, parameters, error) ||
        !cli_selection_add_method(options->method, options->max_downtime, parameters, error) ||
        !cli_verb_parse_seconds(options->timeout, &timeout_ms, error))
        return NULL;
    if (options->outdated)
        qmp_json_add_bool(parameters, "outdated", true);
    if (options->dry_run)
        qmp_json_add_bool(parameters, "dry_run", true);
    if (options->parallel != ANY_NUMBER)
        qmp_json_add_int64(parameters, "parallel", options->parallel);
    if (timeout_ms > 0)
        qmp_json_add_int64(parameters, "timeout_ms", timeout_ms);
    if (options->paused)
        qmp_json_add_bool(parameters, "paused", true);
    return g_steal_pointer(&parameters);
}

/* The member of the last reply that counts, printed. */
static CliExit
report(const CliInvocation *invocation, json_object *reply, const char *member,
       CliExit (*get_exit)(json_object *), void (*print)(json_object *))
{
    json_object *entries = qmp_json_get_array(reply, member);
    size_t n = entries ? json_object_array_length(entries) : 0;
    CliTally tally = {0};

    for (size_t i = 0; i < n; i++) {
        json_object *entry = json_object_array_get_idx(entries, i);
        cli_tally_add(&tally, get_exit(entry));
        if (!invocation->json)
            print(entry);
    }
    if (invocation->json) {
        g_autoptr(json_object) output = json_object_new_object();
        json_object_object_add(output, member, entries ? json_object_get(entries) : json_object_new_array());
        cli_output_json(output);
    } else if (n == 0) {
        cli_output_note("nothing to do");
    }
    return cli_tally_get_exit(&tally);
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    g_auto(Options) options = {.parallel = ANY_NUMBER};
    const GOptionEntry entries[] = {
        {"all", 0, 0, G_OPTION_ARG_NONE, &options.all, "All guests", NULL},
        {"outdated", 0, 0, G_OPTION_ARG_NONE, &options.outdated, "All guests whose QEMU is outdated", NULL},
        {"to", 0, 0, G_OPTION_ARG_FILENAME, &options.to, "To this QEMU instead of the one installed now",
         "BINARY"},
        {"method", 0, 0, G_OPTION_ARG_FILENAME, &options.method, "How the memory goes across (auto)",
         "auto|shared|copy"},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &options.dry_run, "Only say what would be done", NULL},
        {"parallel", 0, 0, G_OPTION_ARG_INT, &options.parallel, "Guests at a time", "N"},
        {"timeout", 0, 0, G_OPTION_ARG_FILENAME, &options.timeout, "How long each guest may take (120, and longer for a copy)", "SECONDS"},
        {"max-downtime", 0, 0, G_OPTION_ARG_FILENAME, &options.max_downtime,
         "How long a guest whose memory is copied may stand still", "SECONDS"},
        {"paused", 0, 0, G_OPTION_ARG_NONE, &options.paused, "Leave guests paused in their new QEMU", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!cli_verb_parse(invocation, entries, error))
        return CLI_EXIT_USAGE;
    json_object *parameters = make_parameters(invocation, &options, error);
    if (!parameters)
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply = cli_job_upgrade(parameters, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (options.dry_run)
        return report(invocation, reply, "plans", cli_plan_get_exit, cli_plan_print);
    return report(invocation, reply, "results", cli_result_get_exit, cli_result_print);
}

const CliVerb cli_verb_upgrade = {
    .name = "upgrade",
    .synopsis = "NAME...|--all|--outdated",
    .summary = "Move running guests into another QEMU",
    .details = "Without --to a guest moves into what is now at the path it was started from. Ctrl-C cancels: "
               "guests\n"
               "that have not been taken over yet go back to their old QEMU.",
    .max_operands = G_MAXUINT,
    .run = run,
};
