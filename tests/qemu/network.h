/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A network of the test's own: a namespace that ends with the test's process, and devices in it. Nothing of the host's
 * network is touched. Include after harness.h.
 */
#pragma once

#include <glib.h>
#include <linux/if_tun.h>
#include <stdbool.h>

#define NETWORK_HOST "10.99.0.1"
#define NETWORK_GUEST "10.99.0.2"

/* Enters a new namespace. Skips the test unless we are root. */
void network_enter(void);
/* A persistent TAP; FLAGS: IFF_MULTI_QUEUE or 0. */
void network_make_tap(const char *name, int flags);
/* An open queue of TAP NAME, which is made if there is none and goes with its last queue; FLAGS as of TUNSETIFF. */
int network_open_tap(const char *name, int flags);
/* The queue takes part from now on, or no longer. */
void network_set_attached(int queue, bool is_attached);
/*
 * Whether the kernel spreads packets over all queues of TAP NAME (NETWORK_HOST's): one more is opened for the moment, and datagrams of
 * many flows are sent to the guest, which has answered before. FALSE: none came to it.
 */
bool network_is_spread(const char *name);
void network_make_bridge(const char *name);
/* One end of a pair; the kernel names the other "veth0", "veth1", ... in the order of their making. */
void network_make_veth(const char *name);
/* On top of LOWER; RET_ADDRESS[18] gets its hardware address as text. Its descriptor, one queue. */
int network_open_macvtap(const char *name, const char *lower, const char *folder, char *ret_address);
/* One more queue of the macvtap that was made with FOLDER. */
int network_open_queue_of_macvtap(const char *folder);
void network_bring_up(const char *name);
/* With an address of /24. */
void network_set_address(const char *name, const char *address);
/* 0: there is no such device. */
unsigned network_get_index(const char *name);
/* How many queues of TAP NAME take part. */
unsigned network_count_queues(const char *name);
/* TRUE when NAME is a port of a bridge. */
bool network_is_bridged(const char *name);

/*
 * The guest, which must have answered, stays a known neighbour on device NAME: of one that stands still for seconds (because it is
 * emulated twice, say) the kernel would forget the address, and drop what waits for it.
 */
void network_keep_neighbour(const char *name);
/* A TCP connection to the guest's echo port. */
int network_connect_to_guest(void);
