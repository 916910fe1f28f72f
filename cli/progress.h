/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line on standard error that shows where an upgrade is, rewritten in place. Nothing at all where standard
 * error is no terminal.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

typedef struct CliProgress CliProgress;

CliProgress *cli_progress_new(void);
/* Takes the line away. */
void cli_progress_free(CliProgress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliProgress, cli_progress_free)

/* STEP is io.moult's Progress. */
void cli_progress_show(CliProgress *progress, json_object *step);
/* Takes the line away until the next step, for a message in its place. */
void cli_progress_clear(CliProgress *progress);
