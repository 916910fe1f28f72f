/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping a process so that it can be looked at without changing under the look, and letting it go on.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "process/identity.h"

/*
 * SIGSTOP, then waits until no thread of the pidfd's process, which is PID, can execute another instruction of its own
 * program (or the process has ended: TRUE too). Errors: TIMED_OUT, GONE, FORBIDDEN, FAILED; the process may then be
 * stopped or not: thaw it.
 */
bool process_freeze(int pidfd, pid_t pid, gint64 timeout_ms, GError **error);
/* SIGCONT. One that was not stopped does not notice. */
bool process_thaw(int pidfd, GError **error);
