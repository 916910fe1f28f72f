/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of the past: STATE/history.jsonl, one JSON object a line, only ever appended to.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "paths/dirs.h"

/* Appends RESULT (`Result` of io.moult, borrowed) as a `HistoryEntry`. */
bool node_history_append(const PathsDirs *dirs, const char *uuid, json_object *result, GError **error);
/*
 * The last LIMIT entries (0: all that fit the bound), oldest first, of GUEST (NULL: all guests); a JSON array, owned.
 * A line that is torn or not understood is left out.
 */
json_object *node_history_read(const PathsDirs *dirs, const char *guest, guint limit, GError **error);
