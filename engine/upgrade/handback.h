/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving the guest back to the source after `migrate` has been issued.
 */
#pragma once

#include "upgrade/session.h"

/*
 * Kills and reaps the target, once it is certain that it never ran the guest, and only then cancels the migration or
 * resumes the source, until the source has the guest again as it had it before. Fails with NEEDS_OPERATOR, the source
 * untouched, when the target did run (it then goes on) or nobody can say. An operator's choice stands in for certainty.
 */
bool upgrade_hand_back(Upgrade *upgrade, GError **error);

/*
 * Stops the target (SIGSTOP) and looks once more. TRUE: it stands still and certainly never ran the guest (or the source has
 * the guest by itself, or the operator has decided). FALSE (NEEDS_OPERATOR): it goes on, as if nothing had been.
 */
bool upgrade_stop_target(Upgrade *upgrade, GError **error);

/*
 * Once the target is gone: until a source that did not answer does, should it be busy with the memory of a guest that stands; not for
 * long, otherwise. Touches nothing.
 */
void upgrade_await_source(Upgrade *upgrade);

/*
 * The migration has just failed, and QEMU lets the source run by itself: stops it again should its disks be refused to it,
 * before the guest writes to them, or should the target have run the guest, on the same memory. upgrade_hand_back lets it go
 * on. Gives the source nothing that it has not taken already.
 */
void upgrade_hold_back(Upgrade *upgrade);
