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
