/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Image files that were removed, or replaced by others of the same name, while QEMU has them open: it goes on with the file that it
 * has, and a new QEMU would open what is at the path now. Then the guest would go on with another disk.
 */
#pragma once

#include <glib.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/*
 * Adds "disk-file" to FINDINGS for each image file or disk of the host that SOURCE's guest has: a BLOCK where there is another file at its
 * path, or none; a WARN where that cannot be told; OK, once, where all are what they were. Nothing of QEMU's naming is opened.
 */
void guest_images_look(const GuestInstance *source, const QmpWait *wait, GPtrArray *findings);
