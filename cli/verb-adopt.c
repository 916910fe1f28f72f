/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

#include "cli/client.h"
#include "cli/engine.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/selection.h"
#include "qmp/json.h"

/* A monitor that somebody holds is given up on after a while, and a binary that nobody has asked before is asked. */
#define ADOPT_TIMEOUT_MS 60000

static void
print_adopted(json_object *guest)
{
    g_autofree char *name = cli_output_quote(qmp_json_get_string(guest, "name"));
    g_autofree char *version = cli_format_version(qmp_json_get_object(guest, "qemu"));
    g_autofree char *pid = cli_format_int(guest, "pid");
    g_autofree char *method = cli_output_quote(qmp_json_get_string(guest, "method"));

    cli_output_line("%s: adopted: QEMU %s, pid %s, can be upgraded by method %s", name, version, pid, method);
}

static json_object *
adopt(const char *name, gint64 pid, const char *qmp, GError **error)
{
    json_object *parameters = json_object_new_object();
    g_autoptr(CliClient) client = cli_engine_connect(error);

    qmp_json_add_string(parameters, "name", name);
    if (pid > 0)
        qmp_json_add_int64(parameters, "pid", pid);
    qmp_json_add_string(parameters, "qmp", qmp);
    if (client)
        return cli_client_call(client, "io.moult.Adopt", parameters, ADOPT_TIMEOUT_MS, error);
    json_object_put(parameters);
    return NULL;
}

/* One of the QEMUs that are not managed; its result is added to RESULTS. */
static CliExit
adopt_listed(json_object *guest, bool is_json, json_object *results)
{
    const char *name = qmp_json_get_string(guest, "name");
    g_autoptr(GError) error = NULL;
    gint64 pid = 0;

    qmp_json_get_int64(guest, "pid", &pid);
    g_autoptr(json_object) reply = adopt(name, pid, NULL, &error);
    json_object *result = json_object_new_object();
    qmp_json_add_string(result, "guest", name);
    qmp_json_add_int64(result, "pid", pid);
    qmp_json_add_string(result, "outcome", reply ? "adopted" : "refused");
    if (error)
        qmp_json_add_value(result, "error", cli_error_to_json(error));
    json_object_array_add(results, result);
    if (!reply && !is_json)
        cli_error_print(error);
    else if (reply && !is_json)
        print_adopted(qmp_json_get_object(reply, "guest"));
    return reply ? CLI_EXIT_DONE : cli_error_get_exit(error);
}

static CliExit
adopt_all(const CliInvocation *invocation, GError **error)
{
    json_object *parameters = json_object_new_object();
    g_autoptr(CliClient) client = cli_engine_connect(error);
    CliTally tally = {0};

    qmp_json_add_bool(parameters, "all", true);
    if (!client) {
        json_object_put(parameters);
        return CLI_EXIT_FAILED;
    }
    g_autoptr(json_object) reply = cli_client_call(client, "io.moult.List", parameters, ADOPT_TIMEOUT_MS, error);
    if (!reply)
        return CLI_EXIT_FAILED;
    g_autoptr(json_object) output = json_object_new_object();
    json_object *guests = qmp_json_get_array(reply, "guests"), *results = json_object_new_array();
    json_object_object_add(output, "results", results);
    for (size_t i = 0; guests && i < json_object_array_length(guests); i++) {
        json_object *guest = json_object_array_get_idx(guests, i);
        bool managed = true;
        qmp_json_get_bool(guest, "managed", &managed);
        if (!managed)
            cli_tally_add(&tally, adopt_listed(guest, invocation->json, results));
    }
    if (invocation->json)
        cli_output_json(output);
    else if (json_object_array_length(results) == 0)
        cli_output_note("there is no QEMU that is not managed already");
    return cli_tally_get_exit(&tally);
}

static CliExit
adopt_one(const CliInvocation *invocation, gint pid, const char *qmp, GError **error)
{
    g_autofree char *path = qmp ? g_canonicalize_filename(qmp, NULL) : NULL;
    g_autoptr(json_object) reply = adopt(invocation->operands[0], pid, path, error);

    if (!reply)
        return CLI_EXIT_FAILED;
    if (invocation->json)
        cli_output_json(reply);
    else
        print_adopted(qmp_json_get_object(reply, "guest"));
    return CLI_EXIT_DONE;
}

static CliExit
run(CliInvocation *invocation, GError **error)
{
    gboolean all = FALSE;
    gint pid = 0;
    g_autofree char *qmp = NULL;
    const GOptionEntry entries[] = {
        {"pid", 0, 0, G_OPTION_ARG_INT, &pid, "The QEMU with this process id", "PID"},
        {"qmp", 0, 0, G_OPTION_ARG_FILENAME, &qmp, "The QEMU that listens at this QMP socket", "SOCKET"},
        {"all", 0, 0, G_OPTION_ARG_NONE, &all, "Every QEMU of this node that can be adopted", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!cli_verb_parse(invocation, entries, error))
        return CLI_EXIT_USAGE;
    bool names_one = invocation->n_operands == 1 && (pid > 0 || qmp);
    if (all ? invocation->n_operands > 0 || pid != 0 || qmp : !names_one) {
        cli_error_set(error, CLI_EXIT_USAGE, "adopt: either a name and --pid or --qmp, or --all\nusage: moult adopt %s",
                      invocation->verb->synopsis);
        return CLI_EXIT_USAGE;
    }
    return all ? adopt_all(invocation, error) : adopt_one(invocation, pid, qmp, error);
}

const CliVerb cli_verb_adopt = {
    .name = "adopt",
    .synopsis = "NAME --pid PID|--qmp SOCKET, or --all",
    .summary = "Take over a QEMU that was not started by moult",
    .details = "Nothing of it changes before its first upgrade. moult list --all shows the QEMUs there are.",
    .max_operands = 1,
    .run = run,
};
