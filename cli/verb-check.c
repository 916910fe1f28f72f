/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/format.h"
#include "cli/output.h"
#include "cli/rows.h"
#include "cli/selection.h"
#include "qmp/json.h"

/* Binaries that nobody has asked before are started and asked. */
#define CHECK_TIMEOUT_MS 300000

static void
print_check(json_object *check)
{
    g_autofree char *name = cli_output_quote(qmp_json_get_string(check, "guest"));
    g_autofree char *from = cli_format_version(qmp_json_get_object(check, "from"));
    g_autofree char *to = cli_format_version(qmp_json_get_object(check, "to"));
    g_autofree char *method = cli_output_quote(qmp_json_get_string(check, "method"));
    bool upgradable = false;

    (void)qmp_json_get_bool(check, "upgradable", &upgradable);
    if (upgradable)
        cli_output_line("%s: can be upgraded: %s -> %s (%s)", name, from, to, method);
    else
        cli_output_line("%s: cannot be upgraded: %s -> %s", name, from, to);
    cli_rows_print(qmp_json_get_array(check, "rows"));
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    gboolean all = FALSE;
    g_autofree char *to = NULL, *method = NULL, *max_downtime = NULL;
    const GOptionEntry entries[] = {
        {"all", 0, 0, G_OPTION_ARG_NONE, &all, "All guests that run", NULL},
        {"to", 0, 0, G_OPTION_ARG_FILENAME, &to, "To this QEMU instead of the one installed now", "BINARY"},
        {"method", 0, 0, G_OPTION_ARG_FILENAME, &method, "How the memory goes across (auto)",
         "auto|shared|copy"},
        {"max-downtime", 0, 0, G_OPTION_ARG_FILENAME, &max_downtime,
         "How long a guest whose memory is copied may stand still", "SECONDS"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(json_object) parameters = json_object_new_object();
    CliTally tally = {0};

    if (!cli_verb_parse(invocation, entries, error) ||
        !cli_selection_add(invocation, all, false, parameters, error) ||
        !cli_selection_add_target(to, parameters, error) ||
        !cli_selection_add_method(method, max_downtime, parameters, error))
        return CLI_EXIT_USAGE;
    g_autoptr(json_object) reply =
        cli_verb_call(invocation, "io.moult.Check", g_steal_pointer(&parameters), CHECK_TIMEOUT_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    json_object *checks = qmp_json_get_array(reply, "checks");
    for (size_t i = 0; checks && i < json_object_array_length(checks); i++) {
        json_object *check = json_object_array_get_idx(checks, i);
        bool upgradable = false;
        (void)qmp_json_get_bool(check, "upgradable", &upgradable);
        cli_tally_add(&tally, upgradable ? CLI_EXIT_DONE : CLI_EXIT_REFUSED);
        if (!invocation->json)
            print_check(check);
    }
    return cli_tally_get_exit(&tally);
}

const CliVerb cli_verb_check = {
    .name = "check",
    .synopsis = "NAME...|--all",
    .summary = "Whether guests can be upgraded in place, how, and if not, why",
    .details =
        "The exit status is 0 when all of them can, 3 when none can, 4 when some can. See moult-check(7)\n"
        "for the codes.",
    .max_operands = G_MAXUINT,
    .run = run,
};
