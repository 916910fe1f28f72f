/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/selection.h"

#include "cli/binary.h"
#include "qmp/json.h"

bool
cli_selection_add(const CliInvocation *invocation, bool all, bool otherwise, json_object *parameters,
                  GError **error)
{
    guint n_ways = (all ? 1 : 0) + (otherwise ? 1 : 0) + (invocation->n_operands > 0 ? 1 : 0);

    if (n_ways != 1) {
        cli_error_set(error, CLI_EXIT_USAGE, "%s: %s\nusage: moult %s %s", invocation->verb->name,
                      n_ways == 0 ? "which guests?"
                                  : "either names or an option selects the guests, not both",
                      invocation->verb->name, invocation->verb->synopsis);
        return false;
    }
    if (all)
        qmp_json_add_bool(parameters, "all", true);
    if (invocation->n_operands > 0)
        qmp_json_add_strv(parameters, "guests", (const char *const *)invocation->operands);
    return true;
}

bool
cli_selection_add_target(const char *to, json_object *parameters, GError **error)
{
    if (!to)
        return true;
    g_autofree char *path = cli_binary_find(to, error);
    if (!path)
        return false;
    qmp_json_add_string(parameters, "to", path);
    return true;
}

bool
cli_selection_add_method(const char *method, const char *max_downtime, json_object *parameters,
                         GError **error)
{
    static const char *const methods[] = {"auto", "shared", "copy", NULL};
    gint64 max_downtime_ms = 0;

    if (method && !g_strv_contains(methods, method)) {
        cli_error_set(error, CLI_EXIT_USAGE, "--method=%s: methods are auto, shared and copy", method);
        return false;
    }
    if (!cli_verb_parse_seconds(max_downtime, &max_downtime_ms, error))
        return false;
    qmp_json_add_string(parameters, "method", method);
    if (max_downtime_ms > 0)
        qmp_json_add_int64(parameters, "max_downtime_ms", max_downtime_ms);
    return true;
}

void
cli_tally_add(CliTally *tally, CliExit exit)
{
    if (exit == CLI_EXIT_DONE) {
        tally->n_done++;
        return;
    }
    if (tally->n_failed > 0 && tally->exit != exit)
        exit = CLI_EXIT_SOME_FAILED;
    tally->exit = exit;
    tally->n_failed++;
}

CliExit
cli_tally_get_exit(const CliTally *tally)
{
    if (tally->n_failed == 0)
        return CLI_EXIT_DONE;
    return tally->n_done > 0 ? CLI_EXIT_SOME_FAILED : tally->exit;
}
