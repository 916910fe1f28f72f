/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The network back ends (-netdev) that a QEMU has, from its answer to "info network": no QMP command lists them.
 */
#pragma once

#include <glib.h>

/* What is told of one. */
typedef struct {
    char *type;    /* "": its queues are told to be of different types */
    char *details; /* of its first queue: "fd=12" */
    guint n_queues;
} GuestNetdev;

/*
 * Name -> GuestNetdev, of ANSWER: any text. Cards, and what QEMU has named by itself, are left out; what is not of the form is passed
 * over. Names and values are as they stand there: fit neither to be shown nor to be used before they are looked at. Owned.
 */
GHashTable *guest_netdev_list_read(const char *answer);
