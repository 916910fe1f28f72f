/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"

#include "qmp/text.h"

#define GAP 2
#define CELL_MAX_BYTES 1024

typedef struct {
    char *text;
    CliColour colour;
} Cell;

struct CliTable {
    const char *const *headings;
    guint n_columns;
    GPtrArray *cells; /* of Cell, row by row */
};

static void
cell_free(gpointer data)
{
    Cell *cell = data;

    g_free(cell->text);
    g_free(cell);
}

CliTable *
cli_table_new(const char *const *headings, guint n)
{
    CliTable *table = g_new0(CliTable, 1);

    table->headings = headings;
    table->n_columns = n;
    table->cells = g_ptr_array_new_with_free_func(cell_free);
    return table;
}

void
cli_table_free(CliTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void
cli_table_add_coloured(CliTable *table, CliColour colour, const char *text)
{
    Cell *cell = g_new0(Cell, 1);

    cell->text = qmp_text_quote(text && text[0] != '\0' ? text : "-", CELL_MAX_BYTES);
    cell->colour = colour;
    g_ptr_array_add(table->cells, cell);
}

void
cli_table_add(CliTable *table, const char *text)
{
    cli_table_add_coloured(table, CLI_COLOUR_NONE, text);
}

void
cli_table_take(CliTable *table, char *text)
{
    cli_table_add(table, text);
    g_free(text);
}

static bool
is_flush_right(const CliTable *table, guint column)
{
    return table->headings[column][0] == '>';
}

static const char *
get_heading(const CliTable *table, guint column)
{
    return table->headings[column] + (is_flush_right(table, column) ? 1 : 0);
}

static guint
measure_column(const CliTable *table, guint column)
{
    guint width = cli_terminal_measure(get_heading(table, column));

    for (guint i = column; i < table->cells->len; i += table->n_columns) {
        const Cell *cell = g_ptr_array_index(table->cells, i);
        width = MAX(width, cli_terminal_measure(cell->text));
    }
    return width;
}

/* The last column gets no padding, so that lines do not end in spaces. */
static void
print_cell(const CliTable *table, FILE *file, guint column, guint width, CliColour colour, const char *text)
{
    guint padding = width - cli_terminal_measure(text);
    bool last = column + 1 == table->n_columns;

    if (is_flush_right(table, column))
        fprintf(file, "%*s", (int)padding, "");
    cli_terminal_print(file, colour, text);
    if (!last)
        fprintf(file, "%*s", (int)(GAP + (is_flush_right(table, column) ? 0 : padding)), "");
    else
        fputc('\n', file);
}

void
cli_table_print(const CliTable *table, FILE *file)
{
    g_autofree guint *widths = g_new0(guint, table->n_columns);

    for (guint column = 0; column < table->n_columns; column++)
        widths[column] = measure_column(table, column);
    for (guint column = 0; column < table->n_columns; column++)
        print_cell(table, file, column, widths[column], CLI_COLOUR_BOLD, get_heading(table, column));
    for (guint i = 0; i < table->cells->len; i++) {
        const Cell *cell = g_ptr_array_index(table->cells, i);
        guint column = i % table->n_columns;
        print_cell(table, file, column, widths[column], cell->colour, cell->text);
    }
}
