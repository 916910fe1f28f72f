/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a running QEMU was put into from outside, and whether a new one can be put there: a mount namespace of its own, system
 * call filters.
 */
#pragma once

#include <glib.h>

#include "guest/instance.h"

/* RUNTIME_DIR and BINARY must be there as they are here; NULL: not known. Adds findings. */
void guest_surroundings_look(const GuestInstance *source, const char *runtime_dir, const char *binary, GPtrArray *findings);
