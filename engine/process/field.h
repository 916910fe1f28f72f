/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "Key:   value" lines, as in /proc/PID/status and /proc/meminfo.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * The value of the line that begins with KEY (its colon included), without leading blanks; it ends at the
 * line's end. NULL when there is no such line. Borrowed from TEXT.
 */
const char *process_field_find(const char *text, const char *key);
/* The second of the four numbers "real effective saved filesystem" of "Uid:" and "Gid:". */
bool process_field_get_effective_id(const char *status, const char *key, guint32 *ret_id);
