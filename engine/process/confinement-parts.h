/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of the confinement; internal to confinement*.c.
 */
#pragma once

#include "process/confinement.h"

typedef enum {
    CONFINEMENT_REFUSE,
    CONFINEMENT_LOG, /* allow, but log what would have been refused */
    CONFINEMENT_OFF
} ConfinementMode;

/* FALSE when a thread of this process has a capability that is not kept. */
bool confinement_check_threads(GError **error);
/* confinement-filter.c, or confinement-filter-none.c, chosen by meson. MODE is not OFF. */
bool confinement_install_filter(ConfinementMode mode, GError **error);
