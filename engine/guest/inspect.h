/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the running QEMU says of itself that decides whether it can be upgraded. Each function asks one question and
 * adds the answer to FINDINGS; a QEMU that does not answer is a BLOCK.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qemu/binary.h"
#include "qemu/finding.h"
#include "qemu/quirks.h"
#include "qmp/wait.h"

/* Run state: running and paused guests can be upgraded; one that has crashed, or is being migrated, cannot. */
void guest_inspect_state(const GuestInstance *source, const QmpWait *wait, bool *ret_running, GPtrArray *findings);
/* UNKNOWN when it does not say. */
QemuAccelerator guest_inspect_accelerator(const GuestInstance *source, const QmpWait *wait);
/* Migration blockers (query-migrate `blocked-reasons`, 6.0), and a migration of somebody else's. */
void guest_inspect_migration(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings);
/* Running block jobs would be lost with the source. */
void guest_inspect_block_jobs(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings);
/* Every device that the guest has now, plugged since its start or not, must be of a type the target knows. */
void guest_inspect_devices(const GuestInstance *source, const QemuBinary *target, const QmpWait *wait, GPtrArray *findings);
