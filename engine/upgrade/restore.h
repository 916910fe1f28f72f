/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An upgrade that an engine did not live to end, taken up by the next one from its record.
 */
#pragma once

#include "upgrade/record.h"
#include "upgrade/upgrade.h"

/*
 * RECORD is taken. SOURCE is the domain of the record's source as the engine found it again (its process may be
 * gone), NULL when nothing is left of it. The target is looked for here, and put into the remote tables.
 */
Upgrade *upgrade_restore(const GuestEnvironment *environment, UpgradeRecord *record, ObjlistDomain *source);
/* Brings it to an end, as after a failed step; see upgrade_get_outcome. Blocks. */
void upgrade_run_recovery(Upgrade *upgrade);
