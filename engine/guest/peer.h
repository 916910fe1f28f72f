/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is at the other end of a UNIX socket. */
#pragma once

#include <stdbool.h>

#include "guest/instance.h"

/*
 * Whether FD, a connection of ours, leads to INSTANCE's process, which lives and is held by its pidfd: the kernel gives the credentials of
 * whoever called listen(2) last. Where that is not the process, the socket still is its own when it has it, and whoever that was
 * has not any more.
 * -1 leads nowhere.
 */
bool guest_peer_is(const GuestInstance *instance, int fd);
