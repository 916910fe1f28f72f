/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table for people: a heading, and columns as wide as their widest cell. Cells are quoted (qmp_text_quote),
 * so that nothing in them can disturb a terminal.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/terminal.h"

typedef struct CliTable CliTable;

/* HEADINGS: N of them, static. One that starts with '>' heads a column that is flush right. */
CliTable *cli_table_new(const char *const *headings, guint n);
void cli_table_free(CliTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliTable, cli_table_free)

/* The next cell, in order of rows. NULL and "" show as "-". */
void cli_table_add(CliTable *table, const char *text);
void cli_table_add_coloured(CliTable *table, CliColour colour, const char *text);
/* Takes TEXT. */
void cli_table_take(CliTable *table, char *text);

void cli_table_print(const CliTable *table, FILE *file);
