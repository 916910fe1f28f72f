/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/rows.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/terminal.h"
#include "qmp/json.h"

static CliColour
colour_of_level(const char *level)
{
    if (g_strcmp0(level, "OK") == 0)
        return CLI_COLOUR_GOOD;
    return g_strcmp0(level, "WARN") == 0 ? CLI_COLOUR_WARN : CLI_COLOUR_BAD;
}

static void
print_row(json_object *row)
{
    const char *level = qmp_json_get_string(row, "level"), *hint = qmp_json_get_string(row, "hint");
    g_autofree char *quoted_level = cli_output_quote(level);
    g_autofree char *code = cli_output_quote(qmp_json_get_string(row, "code"));
    g_autofree char *reason = cli_output_quote(qmp_json_get_string(row, "reason"));
    g_autofree char *padded = g_strdup_printf("  %-5s", quoted_level);

    cli_terminal_print(stdout, colour_of_level(level), padded);
    printf("  %-24s  %s\n", code, reason);
    if (hint) {
        g_autofree char *quoted_hint = cli_output_quote(hint);
        printf("  %-5s  %-24s  hint: %s\n", "", "", quoted_hint);
    }
}

void
cli_rows_print(json_object *rows)
{
    for (size_t i = 0; rows && i < json_object_array_length(rows); i++)
        print_row(json_object_array_get_idx(rows, i));
    fflush(stdout);
}

bool
cli_rows_block(json_object *rows)
{
    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        if (g_strcmp0(qmp_json_get_string(row, "level"), "BLOCK") == 0)
            return true;
    }
    return false;
}
