/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking over a QEMU that somebody else has started. Everything is read, nothing is changed; what its command line
 * does not explain, and what an upgrade could not carry, is refused by its code.
 */
#pragma once

#include <glib.h>

#include "guest/environment.h"
#include "guest/foreign.h"
#include "guest/instance.h"
#include "qemu/memory.h"
#include "qmp/wait.h"

/*
 * The QMP monitors on UNIX sockets that the command line of INSTANCE opens: GPtrArray of absolute paths, owned; empty
 * when there is none. NULL when the command line cannot be understood ("arguments").
 */
GPtrArray *guest_adopt_find_monitors(const GuestInstance *instance, GError **error);

/*
 * A binary that the engine is going to run must be the engine's own to trust: it and every folder above belong to root
 * or to the engine's user, and nobody else may write to them. Refused: "binary-untrusted", "binary-missing".
 */
bool guest_adopt_check_binary(const char *path, GError **error);

/* Machine type and memory of INSTANCE as BINARY would make them of its command line. */
bool guest_adopt_guess(const GuestEnvironment *environment, GuestInstance *instance, const QemuBinary *binary,
                       GError **error);

/*
 * Of the memory that INSTANCE has in memfds: what can be handed over as it is. INSTANCE's version is what its monitor has told, or what
 * its program file says where that is not asked.
 */
void guest_adopt_take_memfds(GuestInstance *instance);

/*
 * The file of BACKEND, a memory-backend-memfd of normal pages, shared, that INSTANCE has, and its kind; FALSE, and nothing is
 * changed: its QEMU would not leave it out of a migration, or which file it is cannot be told.
 */
bool guest_adopt_find_memfd(const GuestInstance *instance, QemuMemoryBackend *backend);

/*
 * Completes FOREIGN, as guest_foreign_look gave it, by asking its monitor: that at MONITOR_PATH, or (NULL) the first of
 * its command line that answers. RET_RUNNING: its vCPUs run. The monitor is given back before this returns. Refused
 * with the code of what is in the way.
 */
bool guest_adopt(const GuestEnvironment *environment, GuestForeign *foreign, const char *monitor_path,
                 const QmpWait *wait, bool *ret_running, GError **error);

/* The process that listens at the UNIX socket PATH; FALSE with an error when nobody does. */
bool guest_adopt_find_listener(const char *path, pid_t *ret_pid, GError **error);
