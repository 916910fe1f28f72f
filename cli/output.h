/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Standard output: one line of JSON, or lines for people.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

/* {"schema_version":1, and all members of OBJECT} on a line, flushed. OBJECT is borrowed. */
void cli_output_json(json_object *object);
/* A line; text in it is quoted where it comes from outside: see cli_output_quote. */
void cli_output_line(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* TEXT fit for a terminal; NULL gives "-". Owned by the caller. */
char *cli_output_quote(const char *text);
/* To standard error, only when that is a terminal: for what is worth saying to a person alone. */
void cli_output_note(const char *format, ...) G_GNUC_PRINTF(1, 2);
