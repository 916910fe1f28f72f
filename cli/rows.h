/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rows of a check: OK, WARN or BLOCK, each with its code, reason and hint.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* ROWS is an array of io.moult's Row, or NULL. To standard output. */
void cli_rows_print(json_object *rows);
/* Whether one of them is in the way of an upgrade. */
bool cli_rows_block(json_object *rows);
