/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one driver over the phase table, forwards and backwards.
 */
#pragma once

#include "upgrade/session.h"

/*
 * Runs the steps from index FIRST to the end of the table. Before each, from Prepare on, the record is on disk.
 * FALSE at the first failure of a step that is not optional, RET_FAILED being its index; of the others it is a warning.
 */
bool upgrade_drive(Upgrade *upgrade, int first, int *ret_failed, GError **error);
/*
 * Undoes the steps from LAST back to the first. FALSE with the first error; all others are undone all the same, unless it
 * was the hand-over that could not be taken back.
 */
bool upgrade_drive_back(Upgrade *upgrade, int last, GError **error);
