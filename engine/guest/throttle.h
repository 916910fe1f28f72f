/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The limits of a guest's disks (I/O throttling). They are set at the start (-drive throttling.*, -object throttle-group) and changed
 * at run time (block_set_io_throttle, qom-set), and are no part of the state that a QEMU hands over: the running QEMU is
 * asked what they are now.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/* Adds a finding when SOURCE has any. */
void guest_throttle_look(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings);
/*
 * Gives every disk and throttle group of TARGET the limits of its counterpart in SOURCE, where they are others, and asks whether it
 * has them: "disk-throttle" when not, "qemu-monitor" when one does not answer. Both monitors must be connected.
 */
bool guest_throttle_carry(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error);
