/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The TAP devices of an upgrade (guest/tap.h): noted before the target starts, kept until the source hands
 * over, put back on the way back. What is noted is a cookie, so that a recovery puts it back too.
 */
#pragma once

#include "upgrade/session.h"

/* Reads what the handed-over TAPs are set to: the cookie "handover", {"taps":[...]}. */
bool upgrade_taps_note(Upgrade *upgrade, GError **error);
/* Keeps them so from now on, until one of the next two. */
bool upgrade_taps_keep(Upgrade *upgrade, GError **error);
/* The source is about to hand over: what the target sets from now on is what the guest wants. Idempotent. */
void upgrade_taps_hand_over(Upgrade *upgrade);
/* Leaves them to the source. Idempotent. */
void upgrade_taps_let_go(Upgrade *upgrade);
/*
 * The target has loaded the state. QEMU from 8.2 on then takes out whatever program steers the device; the source's queues are still
 * there, and nobody reads them any more. What fails is lost packets.
 */
void upgrade_taps_steer_again(Upgrade *upgrade);
/*
 * What was steered for the time of two QEMUs (guest/tap-steering.h) spreads its packets again, by the target's queues: to be called
 * when the source is dead, for its queues would get a part. Idempotent.
 */
bool upgrade_taps_spread(Upgrade *upgrade, GError **error);
/* Puts them back to what was noted, if the source lives. To be called when the target is dead. Idempotent. */
bool upgrade_taps_restore(Upgrade *upgrade, GError **error);
