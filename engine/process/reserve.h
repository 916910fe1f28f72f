/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A few descriptors that are held for the way back: an engine that runs out of them in the middle of something must still be able to
 * remove what it has made, and to ask a QEMU how it is.
 */
#pragma once

#include <stdbool.h>

/* A folder above one that is removed, the two that it takes to empty it, and a monitor. */
#define PROCESS_RESERVE_FDS 4

typedef struct {
    int fds[PROCESS_RESERVE_FDS];
} ProcessReserve;

#define PROCESS_RESERVE_NONE {{-1, -1, -1, -1}}

/* FALSE, with errno and nothing held, when there are not as many. */
bool process_reserve_take(ProcessReserve *reserve);
/* Gives them to whoever needs some. No-op when there are none. */
void process_reserve_release(ProcessReserve *reserve);
