/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a running QEMU that has shut itself in (-chroot) can hand its disks over. Whether its successor, which opens them from
 * outside, would open the same is told by guest/images.h.
 */
#pragma once

#include "guest/instance.h"

/* Of one that is in no chroot nothing is found. FINDINGS: QemuFinding. */
void guest_chroot_look(const GuestInstance *source, GPtrArray *findings);
