/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptors of a running QEMU that its successor may be given: looked at before an upgrade is planned, and
 * fetched when its target is started. The QEMU is not trusted: a descriptor is what the kernel says it is, and is
 * asked again when it is fetched.
 */
#pragma once

#include <glib.h>

#include "guest/environment.h"
#include "guest/instance.h"
#include "qemu/holding.h"

/*
 * What SOURCE, which must be held by its pidfd, has open: GPtrArray of QemuHolding, owned. Looking disturbs nothing:
 * sockets, TAPs and masters of terminals are duplicated for a moment and asked what they are. One that is there and cannot be asked is an
 * error: without it
 * another could pass for the only one. ENVIRONMENT NULL: standard output counts as one that leads out, wherever it leads.
 */
GPtrArray *guest_handover_look(const GuestEnvironment *environment, const GuestInstance *source, GError **error);

/*
 * A duplicate of HOLDING, proved to be still the same; -1 when it is not. A listener, also one that rests, becomes non-blocking, in the running
 * QEMU too (the flag belongs to the socket): of two QEMUs that see a connection coming, one accepts it, and the other
 * would hang in accept(2) with the guest standing still.
 */
int guest_handover_fetch(const GuestInstance *source, const QemuHolding *holding, GError **error);
