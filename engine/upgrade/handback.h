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
