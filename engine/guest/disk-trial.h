/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks that are not files, by drivers which distributions pack for themselves: that a QEMU has them is not known from
 * its version, nor from what it lists. So that a guest is told beforehand, one is asked to open nothing with each.
 */
#pragma once

#include <glib.h>

#include "guest/environment.h"
#include "guest/instance.h"
#include "qmp/wait.h"

/*
 * Adds "disk-driver" to FINDINGS for each such driver that SOURCE's disks have: whether BINARY has it. Does nothing for a guest with none
 * of them, and adds nothing where it cannot be told: QEMU then ends at its start.
 */
void guest_try_disks(const GuestEnvironment *environment, const GuestInstance *source, const QemuBinary *binary, const QmpWait *wait,
                     GPtrArray *findings);
