/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A network back end in the words of -netdev: internal to explain*.c.
 */
#pragma once

#include "guest/explain-private.h"

/* What "info network" tells of one. */
typedef struct {
    char *type;
    char *details; /* of its first queue: "fd=12" */
    guint n_queues;
} ExplainNetdev;

/*
 * "tap,id=n9,ifname=tap0,script=no,downscript=no" for the one that is called NAME. USERNET: the answer to "info usernet", NULL
 * where there is no user network. NULL: it cannot be told. Owned.
 */
char *explain_netdev_describe(const Explanation *explanation, const char *name, const ExplainNetdev *netdev,
                              const char *usernet);
