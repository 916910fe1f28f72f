/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What -cpu host and max have depends on the QEMU: known only from one that has made such a CPU. So that a guest is told
 * beforehand, and not half-way through its upgrade, one is made for a moment, with the guest's machine type and accelerator.
 */
#pragma once

#include <glib.h>

#include "guest/environment.h"
#include "guest/instance.h"
#include "qemu/plan.h"
#include "qemu/quirks.h"

/*
 * Adds "cpu-features" to FINDINGS: whether BINARY, with PLAN's -cpu, offers all that SOURCE's guest has seen. Does nothing
 * for a CPU model that is the same everywhere, and adds nothing when the trial itself fails: the CPUs are compared again
 * once the real target is up.
 */
void guest_try_cpu(const GuestEnvironment *environment, const GuestInstance *source, const QemuBinary *binary,
                   const QemuPlan *plan, QemuAccelerator accelerator, const QmpWait *wait, GPtrArray *findings);
