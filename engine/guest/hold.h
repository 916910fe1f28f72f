/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Getting hold of the process of an instance on record. "Could not be opened" and "has ended" are two things: only the
 * second is evidence.
 */
#pragma once

#include "guest/instance.h"

typedef enum {
    GUEST_HOLD_HELD,   /* its pidfd is open; it may have ended and not be reaped */
    GUEST_HOLD_GONE,   /* there is no such process, or it was never started */
    GUEST_HOLD_UNKNOWN /* it was not to be found out; the error says why */
} GuestHold;

/*
 * Opens INSTANCE->pidfd unless it is open. Without a pid on record, the process is looked for by the mark in its environment
 * (find.h) and its identity noted. ERROR is set for UNKNOWN only.
 */
GuestHold guest_hold(GuestInstance *instance, const PathsInstance *paths, GError **error);
/* Connects the monitor anew, whatever there was; who asks next waits for its greeting. NULL when nobody listens. */
void guest_connect(GuestInstance *instance, const PathsInstance *paths);
/* TRUE once the process is known to have ended, or never to have been. */
bool guest_has_ended(GuestInstance *instance, const PathsInstance *paths);
