/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream of numbered datagrams to a guest that echoes them, one every stream_period_ms, from a thread of its own.
 */
#pragma once

#include <glib.h>

typedef struct Stream Stream;

/* Of those that are started from now on: 10, and more for a guest that has no time for so many. */
extern unsigned stream_period_ms;

typedef struct {
    unsigned sent, lost, duplicated;
    unsigned longest_gap, gap_begin; /* most datagrams in a row that were lost, and the number of the first of them */
} StreamResult;

/* To UDP port 7 of ADDRESS; returns once the guest answers. */
Stream *stream_start(const char *address);
/* All N send for another half second; waits for what is on its way, frees them. */
void stream_stop_all(Stream *const *streams, unsigned n, StreamResult *ret_results);
StreamResult stream_stop(Stream *stream);
