/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU reads as it starts and then never again (a kernel, firmware, secrets): to the running one it does not matter that it was
 * removed, the new one does not start without it.
 */
#pragma once

#include <glib.h>

#include "guest/instance.h"
#include "qemu/plan.h"

/* Adds "file-missing", a BLOCK, to FINDINGS for each such file that PLAN names and SOURCE's QEMU would not find any more. */
void guest_start_files_look(const GuestInstance *source, const QemuPlan *plan, GPtrArray *findings);
