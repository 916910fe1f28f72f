/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving the guest back to the source after `migrate` has been issued.
 */
#pragma once

#include "upgrade/session.h"

/*
 * Kills and reaps the target, reads from its last events that it never ran, and only then cancels the migration or
 * resumes the source, until the source has the guest again as it had it before. Fails with NEEDS_OPERATOR, the source
 * untouched, when the target did run or nobody can say.
 */
bool upgrade_hand_back(Upgrade *upgrade, GError **error);
