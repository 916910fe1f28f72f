/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * More queues for a TAP device that has some. A queue is made by whoever opens the device by its name, in its network namespace and
 * with the right to (CAP_NET_ADMIN): a process goes there to do it, this very program, started with an option of its own.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "process/launcher.h"

/* The option, with the number of queues behind '='. */
#define GUEST_TAP_QUEUE_OPTION "open-tap-queues"
#define GUEST_TAP_QUEUES_MAX (LAUNCHER_MAX_FDS - 1)

/*
 * A new queue beside each of the N queues FDS, of whichever devices; it takes part at once, behind all others. RET_FDS[N]: owned by
 * the caller; untouched on failure.
 */
bool guest_tap_queues_open(Launcher *launcher, const int *fds, unsigned n, int *ret_fds, GError **error);

/* What the program does that was started so: the exit status. */
int guest_tap_queues_run(int n);
