/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two QEMUs' events say of an upgrade: when the source stopped, whether and when the target ran, why either ends.
 *
 * QEMU writes RESUME to the monitor before it lets a vCPU run (softmmu/cpus.c vm_prepare_start), and what a process
 * has written to a UNIX socket can still be read after its death. So a target that was killed, and whose monitor has
 * been read to its end without a RESUME, has never run; nor has one that stands still and has written none.
 * A target writes MIGRATION "completed" after its RESUME, if it starts (measured: 7.2, 10.0).
 */
#pragma once

#include "upgrade/session.h"

/* What has happened so far is of the past: a STOP before `migrate` is not the hand-over's. */
void upgrade_events_discard(Upgrade *upgrade);
/* Reads what is there of both monitors and notes the last STOP of the source and the first RESUME of the target. */
void upgrade_events_collect(Upgrade *upgrade);
/* Reads all that a target which stands still has written. FALSE when its connection is closed, or it does not end. */
bool upgrade_events_drain_target(Upgrade *upgrade);
/* Blocks for the source's next event and notes it; owned. */
QmpEvent *upgrade_events_next_source(Upgrade *upgrade, const QmpWait *wait, GError **error);
/* The same of the target; FALSE when none came. */
bool upgrade_events_wait_target(Upgrade *upgrade, const QmpWait *wait, GError **error);
/*
 * Blocks until the target runs, or has the whole state and has not started: that is all the same to the guest's safety, and
 * the record tells which. For a target that is watched. It is asked where it says nothing (completion.h).
 */
bool upgrade_events_await_load(Upgrade *upgrade, const QmpWait *wait, GError **error);
/* Of a target that lives: YES, NO when it has not run by the time of its last event, UNKNOWN when there was a gap. */
UpgradeRan upgrade_events_ran_so_far(const Upgrade *upgrade);
/*
 * After the target is reaped: reads its monitor to the end. YES or NO; UNKNOWN when the connection was not there
 * from the target's start on.
 */
UpgradeRan upgrade_events_target_ran(Upgrade *upgrade);
