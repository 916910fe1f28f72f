/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A drop-in for a unit of a service manager: FOLDER/UNIT.d/zzzz-moult.conf. The last of a unit's, by its name, so that it
 * has the last word; it is there for as long as an upgrade takes.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* FOLDER (absolute) is made if need be. UNIT is the name of a unit, without a slash. */
bool paths_dropin_write(const char *folder, const char *unit, const char *text, GError **error);
/* Missing is fine, and RET_WAS_THERE says so. A folder UNIT.d that is empty then goes too. */
bool paths_dropin_remove(const char *folder, const char *unit, bool *ret_was_there, GError **error);
