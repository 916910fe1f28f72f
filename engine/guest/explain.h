/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does the command line still say what the guest is? A command line is the start, not the present: devices, disks,
 * media, memory and CPUs come and go at run time, and a new QEMU would be started without them. The monitor is asked
 * what is there. What can be described as faithfully as an operator would have written it goes into the command line of
 * the present, from which the target is planned; everything else is a BLOCK with its code.
 */
#pragma once

#include <glib.h>

#include "guest/environment.h"
#include "guest/instance.h"
#include "qemu/finding.h"
#include "qemu/memory.h"
#include "qmp/wait.h"

/* What a guest is now, in the words of its operator. */
typedef struct {
    char **argv;         /* the definition's command line with what has changed since the start; without argv[0] */
    GHashTable *plugged; /* id -> type of the devices that the definition does not name */
    GPtrArray *memory;   /* QemuMemoryBackend: those of the instance's record, less what is gone, and what was plugged */
    GHashTable *terminals; /* label of a chardev -> "/dev/pts/7": those that are pseudo terminals */
} GuestPresent;

/* The memory of INSTANCE as it is now: PRESENT's, or (NULL) that of its record. Borrowed. */
const GPtrArray *guest_present_get_memory(const GuestPresent *present, const GuestInstance *instance);
void guest_present_free(GuestPresent *present);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestPresent, guest_present_free)

/*
 * Adds a finding for every difference; one OK when there is none. TARGET: the binary that the guest is to move to, which
 * is asked what its devices understand, should any have been plugged. NULL when something could not be described, or
 * when nothing has changed and the guest has no pseudo terminal; owned.
 */
GuestPresent *guest_explain(const GuestEnvironment *environment, const GuestInstance *instance, const QemuBinary *target,
                            const QmpWait *wait, GPtrArray *findings);

/* FALSE with an error: a plugged device of PRESENT (may be NULL) is not the same in both, "devices-differ". */
bool guest_compare_plugged(const GuestPresent *present, const GuestInstance *source, const GuestInstance *target,
                           const QmpWait *wait, GError **error);
