/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does the command line still say what the guest is? A command line is the start, not the present: devices, disks,
 * media, memory and CPUs come and go at run time, and a new QEMU would be started without them. The monitor is asked
 * what is there, and what the command line does not explain is a BLOCK with its code.
 */
#pragma once

#include <glib.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/* Adds a finding for every difference; one OK when there is none. */
void guest_explain(const GuestInstance *instance, const QmpWait *wait, GPtrArray *findings);
