/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks over the network (NBD). A QEMU that starts opens its own connections while the running one still has its, and waits without
 * end when the server takes no more: qemu-nbd takes one unless it is told otherwise.
 */
#pragma once

#include <glib.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/*
 * For each server of SOURCE a finding: whether it greets as many more clients as there are disks of it, who leave again at once.
 * Of one that is reached by TCP only a warning.
 */
void guest_nbd_look(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings);
