/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The threads that people pin and prioritise: vCPUs and iothreads. All others of a QEMU are as its main thread was when
 * it was started.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/*
 * Gives each of TARGET's the affinity, scheduling class, priorities and timer slack of its counterpart in SOURCE. Goes on
 * where one cannot be given; ERROR is then of the first. Both monitors must be connected.
 */
bool guest_threads_carry(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error);
