/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A network back end in the words of -netdev: internal to explain*.c.
 */
#pragma once

#include "guest/explain-private.h"
#include "guest/netdev-list.h"

/*
 * "tap,id=n9,ifname=tap0,script=no,downscript=no" for the one that is called NAME. USERNET: the answer to "info usernet", NULL
 * where there is no user network. NULL: it cannot be told. Owned.
 */
char *explain_netdev_describe(const Explanation *explanation, const char *name, const GuestNetdev *netdev,
                              const char *usernet);
