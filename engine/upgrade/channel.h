/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way that the state takes from the source to the target: a UNIX socket, which the target binds by its path in the folder of its
 * instance, and the source connects to; or, where QEMU has shut itself in (-chroot) and reaches no path of ours, a pair of
 * sockets, of which each of the two is given one. Either is bidirectional, which return-path needs.
 */
#pragma once

#include "upgrade/session.h"

/* The target waits for the state. By descriptor, the source has its end from then on. */
bool upgrade_channel_open(Upgrade *upgrade, const QmpWait *wait, GError **error);
/* What that left in the source is taken back; of its own accord the target is dead by then, or will be. Idempotent. */
void upgrade_channel_close(Upgrade *upgrade);
/* `migrate`, on the source. */
bool upgrade_channel_send(Upgrade *upgrade, const QmpWait *wait, GError **error);
