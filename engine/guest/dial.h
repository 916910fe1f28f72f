/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections on sockets that are there already, duplicates of a QEMU's: they are in its network namespace, whatever the engine's
 * is. Internal to guest/.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

typedef union {
    struct sockaddr any;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
    struct sockaddr_storage storage;
} GuestAddress;

bool guest_dial_is_made(int fd);
/* FD (non-blocking, of TCP, not connected) to ADDRESS, for a second at most. FALSE, and errno: it is not connected. */
bool guest_dial(int fd, const GuestAddress *address, socklen_t size);
/* Its peer is sent a reset, unless both have ended the connection. FD can be connected again. */
bool guest_dial_end(int fd);
