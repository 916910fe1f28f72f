/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An upgrade that an engine did not live to end, or could not decide, taken up again from its record.
 */
#pragma once

#include "guest/instance.h"
#include "upgrade/record.h"
#include "upgrade/recover.h"
#include "upgrade/upgrade.h"

/*
 * RECORD is taken. SOURCE is the domain of the record's source as the engine found it again (its process may be
 * gone), held by a job of the caller's; NULL when it has none: one is made from the record. The target is looked for
 * here, and put into the remote tables.
 */
Upgrade *upgrade_restore(const GuestEnvironment *environment, UpgradeRecord *record, ObjlistDomain *source);
/*
 * The record of two QEMUs of one guest that no journal explains, the older being called the source. It is a guess, and good
 * for upgrade_resolve alone: upgrade_run_recovery only looks at the two.
 */
UpgradeRecord *upgrade_record_for_pair(const GuestInstance *source, const GuestInstance *target);

/* Brings it to an end, as after a failed step; see upgrade_get_outcome. Blocks. */
void upgrade_run_recovery(Upgrade *upgrade);
/* The same as the operator has decided; see upgrade_settle_choice. Blocks. */
bool upgrade_resolve(Upgrade *upgrade, RecoverKeep choice, GError **error);

/* The same when the operator wants the guest ended; see upgrade_settle_end. Blocks. */
bool upgrade_end(Upgrade *upgrade, GError **error);

/* Whether its record said NEEDS_OPERATOR already when it was taken up: that is no news then. */
bool upgrade_was_marked(const Upgrade *upgrade);
/* The source's domain, also when the guest has ended or needs its operator. Borrowed. */
ObjlistDomain *upgrade_get_source_domain(const Upgrade *upgrade);
/* What is left of it after NEEDS_OPERATOR: owned by the caller, once the upgrade is over. */
json_object *upgrade_steal_evidence(Upgrade *upgrade);
/* The connection to the QEMU of WHICH, owned, where that did not answer at the last look; else NULL, or when it is closed. */
QmpClient *upgrade_steal_mute(Upgrade *upgrade, RecoverKeep which);
UpgradeRecord *upgrade_steal_record(Upgrade *upgrade);
