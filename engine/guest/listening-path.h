/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two QEMUs at one path: the name goes from one's socket to the other's. Whoever opens a UNIX socket as it starts (SPICE)
 * takes the name away from what has it; so that has another name meanwhile, PATH.moult-ID with the domain id of its instance,
 * by which it is known. Internal to guest/, with listening.c before it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"

/*
 * FROM's socket gives PATH (absolute) up, and TO's gets it back. Either may be NULL; FROM is held by its pidfd. Idempotent: one that has
 * given it up already, or has it, is left alone. FROM's then has the access rights of TO's, which its operator may have given it. Fails
 * where it is not FROM that listens at PATH, and where somebody does when TO is to get it.
 */
bool guest_listening_pass_path(const char *path, const GuestInstance *from, const GuestInstance *to, GError **error);
/* Removes the other name of the instance DOMAIN_ID, whose QEMU is gone. */
void guest_listening_forget_path(const char *path, guint64 domain_id);
/*
 * Whether PATH, of the running INSTANCE, could be moved: it is in the engine's own view of the file system, in a safe folder, and it is
 * INSTANCE that listens there. That is found out by connecting, which its QEMU sees as a client that leaves at once.
 */
bool guest_listening_can_pass_path(const char *path, const GuestInstance *instance, GError **error);
