/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What may be done to an output: colour on a terminal that can show it, and only unless NO_COLOR is set
 * (https://no-color.org), widths in columns of text.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

typedef enum { CLI_COLOUR_NONE, CLI_COLOUR_BOLD, CLI_COLOUR_GOOD, CLI_COLOUR_WARN, CLI_COLOUR_BAD } CliColour;

bool cli_terminal_is(FILE *file);
bool cli_terminal_has_colour(FILE *file);
/* TEXT in COLOUR where FILE has any. TEXT is printed as it is. */
void cli_terminal_print(FILE *file, CliColour colour, const char *text);
/* Columns of the terminal behind FILE; 80 when it does not say. */
guint cli_terminal_get_columns(FILE *file);
/* Columns that TEXT (UTF-8 without control characters) takes. */
guint cli_terminal_measure(const char *text);
