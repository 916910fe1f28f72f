/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a QEMU that is not to run any more.
 */
#pragma once

#include "guest/instance.h"

/*
 * Kills INSTANCE's process and reaps it, unless it ends by SIGTERM, which lets QEMU flush its disks, within GRACE_MS; 0: it is
 * not asked. RET_END may be NULL. FALSE: it has not died within UPGRADE_TIMEOUT_KILL_MS, or its pidfd could not be opened
 * (PROCESS_ERROR).
 */
bool upgrade_kill(const GuestInstance *instance, gint64 grace_ms, ProcessExit *ret_end, GError **error);
