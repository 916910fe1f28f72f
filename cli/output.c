/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output.h"

#include <stdio.h>

#include "cli/terminal.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define SCHEMA_VERSION 1
#define TEXT_MAX_BYTES 4096

void
cli_output_json(json_object *object)
{
    g_autoptr(json_object) output = json_object_new_object();

    qmp_json_add_int64(output, "schema_version", SCHEMA_VERSION);
    json_object_object_foreach(object, key, value)
    {
        json_object_object_add(output, key, json_object_get(value));
    }
    puts(qmp_json_to_text(output, NULL));
    fflush(stdout);
}

void
cli_output_line(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

char *
cli_output_quote(const char *text)
{
    return qmp_text_quote(text ? text : "-", TEXT_MAX_BYTES);
}

void
cli_output_note(const char *format, ...)
{
    va_list arguments;

    if (!cli_terminal_is(stderr))
        return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}
