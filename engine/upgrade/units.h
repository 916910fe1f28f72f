/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The unit of a service manager that the guest runs in (guest/unit.h), on the record of its upgrade. The steps are in
 * phase.h.
 */
#pragma once

#include "upgrade/session.h"

/* What the preflight has found goes on record, before the first step that changes anything. */
void upgrade_unit_note(Upgrade *upgrade);
/* From the record; where that was made up, from the QEMUs. */
void upgrade_unit_restore(Upgrade *upgrade);
/* Whether the target is where it can become the unit's main process, before anything is handed over to it. */
bool upgrade_unit_check_target(const Upgrade *upgrade, GError **error);
