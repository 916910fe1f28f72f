/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one driver over the phase table, forwards and backwards.
 */
#pragma once

#include "upgrade/session.h"

/*
 * Runs the steps from index FIRST to the end of the table. Before each, from Prepare on, the record is on disk.
 * FALSE at the first failure before Confirm, RET_FAILED being its index; in Confirm failures are warnings.
 */
bool upgrade_drive(Upgrade *upgrade, int first, int *ret_failed, GError **error);
/* Undoes the steps from LAST back to the first. Stops at the first undo that fails. */
bool upgrade_drive_back(Upgrade *upgrade, int last, GError **error);
