/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMUs of this node that no engine of ours has started: found by looking at processes, judged by their command lines.
 * Nothing is asked of them, and nothing changes for them.
 */
#pragma once

#include <glib.h>

#include "guest/environment.h"
#include "guest/instance.h"
#include "guest/owner.h"

typedef struct {
    /*
     * What is known, and guessed, of it, as if it had been adopted: process, pidfd (-1 when it may not be had), binary,
     * definition, machine type (as its command line says it), memory (kinds and sizes as the command line makes them).
     */
    GuestInstance *instance;
    GuestOwner owner;
    const char *method; /* by which it could be upgraded; NULL: CODE says why not. Static */
    char *code, *reason, *hint; /* of what is in the way; NULL when nothing is */
} GuestForeign;

void guest_foreign_free(GuestForeign *foreign);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestForeign, guest_foreign_free)

/*
 * All of this pid namespace but those in KNOWN (set of GINT_TO_POINTER(pid)) and this engine's own children, sorted by
 * pid: GPtrArray of GuestForeign, owned. Blocks: binaries that were never asked before are asked.
 */
GPtrArray *guest_foreign_list(const GuestEnvironment *environment, GHashTable *known, const QmpWait *wait, GError **error);

/*
 * The QEMU that has PID; NULL with an error when it is none ("not-qemu"), gone or may not be looked at. Not judged yet.
 */
GuestForeign *guest_foreign_look(pid_t pid, GError **error);

/* A valid guest name made of TEXT; "qemu-PID" when nothing is left of it. Owned. */
char *guest_foreign_make_name(const char *text, pid_t pid);
