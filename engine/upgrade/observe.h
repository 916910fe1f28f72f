/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two QEMUs of an upgrade are doing right now. Asks, waits a bounded time, changes nothing.
 */
#pragma once

#include "upgrade/recover.h"
#include "upgrade/session.h"

/* WAITED is copied into the result. Also reads the events that have come (see events.h). */
RecoverObserved upgrade_observe(Upgrade *upgrade, bool waited);
/* {"stage","source","target","target_ran","decision","reason",...} for `moult show`; owned. */
json_object *upgrade_evidence(const Upgrade *upgrade, const RecoverObserved *observed);
