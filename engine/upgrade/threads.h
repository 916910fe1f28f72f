/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Room for the threads of a second QEMU, and for those that the hand-over makes. Asked beforehand, for a QEMU that is refused
 * one calls abort(): the target, which would be rolled back; or the source, and with it the guest.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"

/* Adds what it finds to FINDINGS (GPtrArray of QemuFinding). */
void upgrade_threads_check(const GuestInstance *source, GPtrArray *findings);
/* The last look, once the target is up: others may have taken what there was. */
bool upgrade_threads_are_free(const GuestInstance *source, GError **error);
