/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The longest time a guest's tick counter stood still: its blackout as the guest has it. A thread looks at the
 * counter every 50 us or so; how often it really could is part of the result, since a look that came late makes a
 * pause appear longer than it was.
 */
#pragma once

#include "sampler.h"

typedef struct WatchResult {
    uint64_t gap_us;       /* longest time from one change seen to the next: never less than the truth by more than a look */
    uint64_t gap_sure_us;  /* of that time, how long the counter was seen standing still: never more than the truth */
    uint64_t gap_at_us;    /* its beginning, from the start of the watch */
    uint64_t look_max_us;  /* longest time between two looks */
    uint64_t looks;
    uint64_t ticks_first;
    uint64_t ticks_last;
    uint64_t duration_us;
} WatchResult;

typedef struct Watch Watch;

/*
 * Begins to look, in a thread of its own. The samplers are of one guest (source and target of a copy; the furthest
 * counter counts) and stay the caller's; they must live until the watch is stopped.
 */
Watch *watch_start(Sampler *const *samplers, unsigned n_samplers);
/* The same guest has come up in one more place (sampler_open_peer()). At most 4 altogether. */
void watch_add(Watch *watch, Sampler *sampler);
/* Ends the watch and frees it; a pause that still goes on counts with its length so far. */
void watch_stop(Watch *watch, WatchResult *ret_result);

/* For this long, in the calling thread's time. */
void sampler_max_gap(Sampler *sampler, uint64_t duration_us, WatchResult *ret_result);
