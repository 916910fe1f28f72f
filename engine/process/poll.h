/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for a descriptor with a deadline and a way out.
 */
#pragma once

#include <glib.h>

typedef enum {
    PROCESS_POLL_READY, /* at least one of the events, an error or a hang-up on the descriptor */
    PROCESS_POLL_TIMED_OUT,
    PROCESS_POLL_CANCELLED, /* the cancel descriptor is readable or hung up */
    PROCESS_POLL_FAILED     /* errno says why */
} ProcessPollResult;

/*
 * Waits until FD has one of EVENTS. DEADLINE_US is on the clock of g_get_monotonic_time(); one that has
 * passed makes this a look. CANCEL_FD may be -1. READY wins over CANCELLED.
 */
ProcessPollResult process_poll_until(int fd, short events, gint64 deadline_us, int cancel_fd);
