/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two QEMUs' events say of an upgrade: when the source stopped, whether and when the target ran.
 *
 * QEMU queues RESUME on the monitor before it lets a vCPU run (softmmu/cpus.c vm_prepare_start), and what a process
 * has written to a UNIX socket can still be read after its death. So a target that was killed, and whose monitor has
 * been read to its end without a RESUME, has never run.
 */
#pragma once

#include "upgrade/session.h"

/* Throws away what is queued. */
void upgrade_events_discard(QmpClient *monitor);
/* Reads what is there of both monitors and notes the last STOP of the source and the first RESUME of the target. */
void upgrade_events_collect(Upgrade *upgrade);
/*
 * After the target is reaped: reads its monitor to the end. YES or NO; UNKNOWN when the connection was not there
 * from the target's start on.
 */
UpgradeRan upgrade_events_target_ran(Upgrade *upgrade);
