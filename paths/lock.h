/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks between processes (and threads: each descriptor locks for itself), by flock. The kernel drops one with the
 * last copy of its descriptor, so a crash leaves none; the file itself stays.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Creates the file PATH (0600) if need be and locks it. TIMEOUT_MS 0: does not wait. Returns a descriptor (CLOEXEC)
 * whose close unlocks; -1 and BUSY when somebody else holds it.
 */
int paths_lock_acquire(const char *path, gint64 timeout_ms, GError **error);
/* Locks the open file FD; PATH names it in messages. */
bool paths_lock_wait(int fd, const char *path, gint64 timeout_ms, GError **error);
