/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a guest run an older QEMU than the one on the disk?
 */
#pragma once

#include "guest/instance.h"

typedef enum {
    GUEST_CURRENT,          /* the disk holds the very file it was started from */
    GUEST_OUTDATED,         /* the path holds another file now, or none */
    GUEST_LIBRARY_OUTDATED, /* the binary is current, but a library it has mapped was replaced */
    GUEST_OUTDATED_UNKNOWN  /* neither could be established */
} GuestOutdated;
const char *guest_outdated_to_string(GuestOutdated outdated); /* "current" "outdated" "library-outdated" "unknown" */

/* Looks at the path's file and at the process's mappings; asks nobody. */
GuestOutdated guest_outdated_get(const GuestInstance *instance);
