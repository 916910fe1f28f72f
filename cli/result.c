/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/result.h"

#include <stdio.h>
#include <string.h>

#include "cli/format.h"
#include "cli/output.h"
#include "cli/rows.h"
#include "qmp/json.h"

CliExit
cli_result_get_exit(json_object *result)
{
    const char *outcome = qmp_json_get_string(result, "outcome");
    bool timed_out = g_strcmp0(qmp_json_get_string(result, "code"), "cancelled") == 0; /* somebody's time had run out */

    (void)qmp_json_get_bool(result, "timed_out", &timed_out);
    if (g_strcmp0(outcome, "upgraded") == 0 || g_strcmp0(outcome, "unchanged") == 0)
        return CLI_EXIT_DONE;
    if (g_strcmp0(outcome, "refused") == 0)
        return CLI_EXIT_REFUSED;
    if (g_strcmp0(outcome, "needs-operator") == 0)
        return CLI_EXIT_NEEDS_OPERATOR;
    return timed_out ? CLI_EXIT_TIMED_OUT : CLI_EXIT_FAILED;
}

static void
print_upgraded(json_object *result)
{
    g_autofree char *name = cli_output_quote(qmp_json_get_string(result, "guest"));
    g_autofree char *from = cli_format_version(qmp_json_get_object(result, "from"));
    g_autofree char *to = cli_format_version(qmp_json_get_object(result, "to"));
    g_autofree char *method = cli_output_quote(qmp_json_get_string(result, "method"));
    g_autofree char *downtime = cli_format_ms(result, "downtime_ms");
    g_autofree char *duration = cli_format_ms(result, "duration_ms");

    /* A guest that is shut off, or paused, has no downtime. */
    if (strcmp(downtime, "-") == 0)
        cli_output_line("%s: %s -> %s (%s), %s in all", name, from, to, method, duration);
    else
        cli_output_line("%s: %s -> %s (%s), downtime %s, %s in all", name, from, to, method, downtime,
                        duration);
}

void
cli_result_print(json_object *result)
{
    const char *outcome = qmp_json_get_string(result, "outcome");
    const char *message = qmp_json_get_string(result, "message");

    if (g_strcmp0(outcome, "upgraded") == 0) {
        print_upgraded(result);
    } else if (g_strcmp0(outcome, "unchanged") == 0) {
        g_autofree char *name = cli_output_quote(qmp_json_get_string(result, "guest"));
        g_autofree char *reason = cli_output_quote(message ? message : "nothing to do");
        cli_output_line("%s: unchanged: %s", name, reason);
    } else {
        cli_error_print_parts(qmp_json_get_string(result, "guest"), message ? message : outcome,
                              qmp_json_get_string(result, "code"), qmp_json_get_string(result, "hint"));
    }
}

CliExit
cli_plan_get_exit(json_object *plan)
{
    return cli_rows_block(qmp_json_get_array(plan, "rows")) ? CLI_EXIT_REFUSED : CLI_EXIT_DONE;
}

static void
print_steps(json_object *steps)
{
    for (size_t i = 0; steps && i < json_object_array_length(steps); i++) {
        json_object *step = json_object_array_get_idx(steps, i);
        g_autofree char *phase = cli_output_quote(qmp_json_get_string(step, "phase"));
        g_autofree char *short_name = cli_format_step(step);
        g_autofree char *name = cli_output_quote(short_name);
        g_autofree char *what = cli_output_quote(qmp_json_get_string(step, "what"));
        printf("  %-8s %-14s  %s\n", phase, name, what);
    }
}

void
cli_plan_print(json_object *plan)
{
    g_autofree char *name = cli_output_quote(qmp_json_get_string(plan, "guest"));
    g_autofree char *from = cli_format_version(qmp_json_get_object(plan, "from"));
    g_autofree char *to = cli_format_version(qmp_json_get_object(plan, "to"));
    g_autofree char *method = cli_output_quote(qmp_json_get_string(plan, "method"));
    g_autofree char *command_line =
        cli_format_command_line(qmp_json_get_string(qmp_json_get_object(plan, "to"), "path"),
                                qmp_json_get_array(plan, "command_line"));

    cli_output_line("%s: would go %s -> %s (%s)", name, from, to, method);
    cli_rows_print(qmp_json_get_array(plan, "rows"));
    print_steps(qmp_json_get_array(plan, "steps"));
    if (command_line[0] != '\0')
        printf("  the new QEMU: %s\n", command_line);
    fflush(stdout);
}
