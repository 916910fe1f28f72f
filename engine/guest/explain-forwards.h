/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forwarded ports of user networks: reading what the monitor tells of them, and comparing it with hostfwd=. hostfwd_add and
 * hostfwd_remove change them at run time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/keyval.h"

/* One that is open. */
typedef struct {
    char *setting; /* what hostfwd= would say of it: "tcp:127.0.0.1:2222-10.0.2.15:22" */
    bool is_udp;
    int descriptor; /* of its socket, which is at: */
    char *host;     /* "0.0.0.0" is the wildcard */
    guint16 port;
} GuestForward;

/* The names of the networks in ANSWER, the text of "info usernet", in the order of their making. Owned, with its free function. */
GPtrArray *guest_explain_forwards_networks(const char *answer);
/*
 * Those (GuestForward) that ANSWER has for NETWORK, at most 256. NULL: one of them cannot be told. Owned, with its free
 * function.
 */
GPtrArray *guest_explain_forwards_of(const char *answer, const char *network);

/* The values of hostfwd= in SETTINGS. Owned, with its free function. */
GPtrArray *guest_explain_forwards_defined(const QemuKeyval *settings);
/*
 * Whether DEFINED forwards the same to the same as NOW does. FIRST_GUEST is the network's dhcpstart=, NULL when it has none:
 * what is forwarded without an address of the guest's goes there.
 */
bool guest_explain_forwards_is_same(const char *defined, const char *now, const char *first_guest);
/* Adds what NOW has and DEFINED has not to ADDED, and the other way round to REMOVED; each as often as it is there. Borrowed. */
void guest_explain_forwards_compare(const GPtrArray *defined, const GPtrArray *now, const char *first_guest, GPtrArray *added,
                                    GPtrArray *removed);
