/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two QEMUs at one address: each has a socket there, and one of them listens. For what QEMU opens only as it starts,
 * and takes no descriptor for (websockets of VNC, SPICE).
 *
 * Linux lets a socket have an address that another has, if both have SO_REUSEADDR (QEMU and its SPICE library set it) and
 * none of the others listens. That is asked by bind(2), and again by listen(2). So whoever is to be second needs the
 * first to stop; both can then take turns. shutdown(2) stops a listening socket, and leaves it its address.
 *
 * A socket that has stopped is still polled by its QEMU, and while it is closed it is always ready: QEMU's main loop turns
 * without end, and SPICE complains each time (measured: a whole processor, 8 MB of log a second). So it is connected, to
 * itself, and nothing is ever said on that: it is said to rest.
 *
 * What rests is known by that alone: nothing about it is kept but the addresses.
 *
 * With UNIX sockets it is the name that is passed on: listening-path.h.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"

/*
 * FROM's sockets at ADDRESSES (GPtrArray of QemuHolding, listeners) rest, and TO's listen. Either may be NULL: nobody else is
 * there; both are held by their pidfds. Idempotent. Fails, with nothing changed, when FROM is somebody and one of the sockets is not
 * there. Otherwise each is tried whatever becomes of the others, and the first error is told: one that cannot listen, for
 * somebody else does, rests. Who connects between the two, a few microseconds, is refused. Connections that were accepted stay; those that wait for it are reset.
 */
bool guest_listening_pass(const GPtrArray *addresses, const GuestInstance *from, const GuestInstance *to, GError **error);
/* What a QEMU of the instance DOMAIN_ID, which is gone, has left behind there. */
void guest_listening_forget(const GPtrArray *addresses, guint64 domain_id);
