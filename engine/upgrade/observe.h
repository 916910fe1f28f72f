/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two QEMUs of an upgrade are doing right now. Asks, waits a bounded time, changes nothing.
 */
#pragma once

#include "upgrade/recover.h"
#include "upgrade/session.h"

/* Fills UPGRADE->seen. WAITED is copied into it. Also reads the events that have come (see events.h). */
void upgrade_observe(Upgrade *upgrade, bool waited);
/* {"stage","source","target","target_ran","decision","reason","keep_source":{"possible","means"},...}; owned. */
json_object *upgrade_evidence(const Upgrade *upgrade);
