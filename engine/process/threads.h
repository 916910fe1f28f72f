/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads, and what limits their number. A QEMU that is refused a thread calls abort() (util/qemu-thread-posix.c, 7.2 to
 * 10.0), so this is asked before one is made to start any.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* PROCESS_ERROR_GONE, _FORBIDDEN, _FAILED. */
bool process_threads_count(pid_t pid, guint *ret_n, GError **error);

/*
 * How many more threads may be where PID is: what the pids.max of its control groups and its user's RLIMIT_NPROC leave;
 * G_MAXUINT64 when neither limits it. RET_LIMIT (may be NULL): which one is the tightest, in words, owned; NULL when
 * there is none. What limits the whole host is not looked at.
 */
bool process_threads_get_room(pid_t pid, guint64 *ret_room, char **ret_limit, GError **error);
