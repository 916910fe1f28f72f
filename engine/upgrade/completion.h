/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From `migrate` until the source has handed over, or has not: the source of a guest that runs on, and whose memory stays
 * where it is, is asked whether it has; all others announce it (capability `events`). Every event that a QEMU writes between
 * STOP and RESUME keeps the guest waiting, for a tenth of that time altogether (measured: 10.0.2). So for that one neither
 * side has the capability; the target says RESUME whatever its capabilities are, and the source is left alone until then.
 */
#pragma once

#include "upgrade/session.h"

/*
 * Whether the source is asked: neither QEMU need announce anything, and nothing of ours that can wait is done between STOP and
 * RESUME. As long as it is not known whether the guest runs, it is not.
 */
bool upgrade_asks_for_end(const Upgrade *upgrade);
/*
 * "completed", "failed" or "cancelled", as the source says; owned. NULL with ERROR when it does not come to that in the time
 * there is (for a guest that stands still: docs/timeouts.rst), or the source cannot be asked.
 */
char *upgrade_await_end(Upgrade *upgrade, GError **error);
