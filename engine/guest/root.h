/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a path of a QEMU's means to the engine. /proc/PID/root is where the process is now: one that has shut itself in (-chroot)
 * was started with another root, and its command line, the sockets it has bound and the program that will replace it are of
 * that one. It is known where it was the engine's own.
 */
#pragma once

#include "guest/instance.h"

/* The folder that INSTANCE, as it was started, has shut itself into, absolute; NULL: it has not. Owned. */
char *guest_root_dup_chroot(const GuestInstance *instance);

/* Whether it is in the engine's mount namespace. */
bool guest_root_has_our_mounts(const GuestInstance *instance);

/*
 * FALSE: it has shut itself in, and from where cannot be known: it is in a mount namespace of its own, or the folder of that name is
 * not its root.
 */
bool guest_root_is_known(const GuestInstance *instance);

/* PATH, absolute, as INSTANCE meant it when it was started, for the engine. Owned. */
char *guest_root_dup_path(const GuestInstance *instance, const char *path);
