/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the guest's memory gets from one QEMU to the other. A method plugs into the phases: it says whether it can be
 * used, which migration capabilities both QEMUs need, and nothing else differs.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qemu/binary.h"

typedef struct {
    const char *name; /* "shared" */
    /* Adds a finding for whatever stands in the way; TRUE when nothing does. */
    bool (*check)(const GuestInstance *source, GHashTable *source_capabilities, const QemuBinary *target, GPtrArray *findings);
    /*
     * Capabilities to switch on, on the QEMU that lists CAPABILITIES (set of names) : NULL-terminated, owned by the
     * caller, the strings static. Clearing the same ones afterwards is the phases' affair.
     */
    const char **(*get_capabilities)(GHashTable *capabilities);
} UpgradeMethod;

/* "auto" is the best one that exists; NULL when NAME is no method. */
const UpgradeMethod *upgrade_method_find(const char *name);
/* Names of all methods, NULL-terminated, static. */
const char *const *upgrade_method_list(void);

extern const UpgradeMethod upgrade_method_shared;
