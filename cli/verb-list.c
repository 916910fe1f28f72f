/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/table.h"
#include "qmp/json.h"

/* Binaries of others' QEMUs that nobody has asked before are started and asked. */
#define LIST_TIMEOUT_MS 60000

static const char *const headings[] = {"NAME",   "STATE",   "QEMU", "UPDATE",
                                       "METHOD", ">MEMORY", ">PID", "OWNER"};

static CliColour
colour_of_state(const char *state)
{
    if (g_strcmp0(state, "running") == 0)
        return CLI_COLOUR_GOOD;
    return g_strcmp0(state, "needs-operator") == 0 ? CLI_COLOUR_BAD : CLI_COLOUR_NONE;
}

static CliColour
colour_of_outdated(const char *outdated)
{
    return outdated && g_str_has_suffix(outdated, "outdated") ? CLI_COLOUR_WARN : CLI_COLOUR_NONE;
}

static void
add_guest(CliTable *table, json_object *guest)
{
    const char *state = qmp_json_get_string(guest, "state");
    const char *outdated = qmp_json_get_string(guest, "outdated");
    const char *method = qmp_json_get_string(guest, "method");

    cli_table_add(table, qmp_json_get_string(guest, "name"));
    cli_table_add_coloured(table, colour_of_state(state), state);
    cli_table_take(table, cli_format_version(qmp_json_get_object(guest, "qemu")));
    cli_table_add_coloured(table, colour_of_outdated(outdated), outdated);
    cli_table_add(table, method ? method : qmp_json_get_string(guest, "code"));
    cli_table_take(table, cli_format_bytes(guest, "memory_bytes"));
    cli_table_take(table, cli_format_int(guest, "pid"));
    cli_table_add(table, qmp_json_get_string(guest, "owner"));
}

static void
print_guests(json_object *guests)
{
    g_autoptr(CliTable) table = cli_table_new(headings, G_N_ELEMENTS(headings));
    size_t n = guests ? json_object_array_length(guests) : 0;

    for (size_t i = 0; i < n; i++)
        add_guest(table, json_object_array_get_idx(guests, i));
    if (n > 0)
        cli_table_print(table, stdout);
    else
        cli_output_note("no guests");
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    gboolean all = FALSE, outdated = FALSE;
    const GOptionEntry entries[] = {
        {"all", 0, 0, G_OPTION_ARG_NONE, &all, "Guests that are shut off, and the QEMUs of others, too", NULL},
        {"outdated", 0, 0, G_OPTION_ARG_NONE, &outdated, "Only guests whose QEMU is outdated", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!cli_verb_parse(invocation, entries, error))
        return CLI_EXIT_USAGE;
    json_object *parameters = json_object_new_object();
    qmp_json_add_bool(parameters, "all", all);
    qmp_json_add_bool(parameters, "outdated", outdated);
    g_autoptr(json_object) reply =
        cli_verb_call(invocation, "io.moult.List", parameters, LIST_TIMEOUT_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    if (!invocation->json)
        print_guests(qmp_json_get_array(reply, "guests"));
    return CLI_EXIT_DONE;
}

const CliVerb cli_verb_list = {
    .name = "list",
    .synopsis = "",
    .summary = "List guests",
    .run = run,
};
