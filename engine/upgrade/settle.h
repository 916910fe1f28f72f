/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bringing an upgrade that did not go to its end to one: after a failed step, and after an engine's restart.
 */
#pragma once

#include "upgrade/session.h"

/*
 * Looks at both QEMUs, decides (recover.h) and acts until the guest is in one of the states a person can be told:
 * fills outcome, guest_ended and, for NEEDS_OPERATOR, the evidence. LAST is the step that had been entered last.
 */
void upgrade_settle(Upgrade *upgrade, int last);
/* Only looks, and leaves everything to the operator. */
void upgrade_settle_look(Upgrade *upgrade);
/*
 * The same where the operator has decided: kills the other QEMU, then gives the guest to the one that is kept. FALSE when
 * CHOICE is not to be had (REFUSED, nothing done) or was not done to its end (NEEDS_OPERATOR).
 */
bool upgrade_settle_choice(Upgrade *upgrade, int last, RecoverKeep choice, GError **error);
/*
 * The same where the operator wants neither: ends both QEMUs, one after the other, so that none runs in between that must not,
 * and removes what was theirs. FALSE (NEEDS_OPERATOR) when one does not end.
 */
bool upgrade_settle_end(Upgrade *upgrade, int last, GError **error);
