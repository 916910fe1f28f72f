/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Traffic between the host and a guest of NETWORK_GUEST, through upgrades and rollbacks: streams of a datagram every 10 ms,
 * of which two at most are to be lost and none doubled, and a TCP connection that goes on all the time. As many more may be lost as are
 * with nothing happening, and as fit into the time for which the node held its lock of all network devices.
 */
#pragma once

#include "harness.h"

#define TRAFFIC_STREAMS_MAX 3

typedef struct Traffic Traffic;

/* Waits until GUEST answers, and opens the connection. N_STREAMS: more than one for a device with several queues. */
Traffic *traffic_new(HarnessGuest *guest, unsigned n_streams);
/*
 * The streams through one with success to BUILD, and one that is rolled back (carry_roll_back). FALSE: too many datagrams
 * were lost.
 */
bool traffic_upgrade(Traffic *traffic, HarnessBuild build);
bool traffic_roll_back(Traffic *traffic);
/* The same before and behind anything else. */
void traffic_start(Traffic *traffic);
bool traffic_check(Traffic *traffic, const char *what);

/*
 * There, a roll back, and back again. ROUNDS: how often at most, until each of the three has been within bounds. More than once, for the
 * node's being busy is measured, but not at the very same moment; of several queues more depends on it.
 */
#define TRAFFIC_ROUNDS 2
#define TRAFFIC_ROUNDS_QUEUES 3
void traffic_through_everything(Traffic *traffic, unsigned rounds);
/* The guest's card sends, too. */
void traffic_free(Traffic *traffic);
