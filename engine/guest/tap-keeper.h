/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps TAP devices as the running guest needs them while another QEMU starts on them: see tap.h.
 */
#pragma once

#include "guest/tap.h"

typedef struct GuestTapKeeper GuestTapKeeper;

/*
 * From now on a thread looks every tenth of a millisecond, and puts back what is no longer as in TAPS; the
 * kernel has no event for it. FDS: an int for each, taken with the array; TAPS is taken too.
 */
GuestTapKeeper *guest_tap_keeper_start(GPtrArray *taps, GArray *fds);
/*
 * Puts everything back once more and ends. KEEPER may be NULL. How often something had to be put back.
 * TO_TARGET: the state is about to be handed over; queues are then as the target has left them, detached, for it
 * attaches what it has detached, and takes it for fatal when that has been done already
 * (net/tap.c:tap_enable()). So does the source with what it detaches: from here on its guest must not change its queues,
 * which it does when it resets its card. It may for the moment between a target's detaching and our attaching, too, and would
 * end: some tenths of a millisecond at the target's start.
 */
typedef enum { GUEST_TAP_TO_SOURCE, GUEST_TAP_TO_TARGET } GuestTapParty;
unsigned guest_tap_keeper_stop(GuestTapKeeper *keeper, GuestTapParty party);
