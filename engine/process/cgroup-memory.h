/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the memory limits of control groups still leave.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * How many bytes more the group of PID, and every group above it, allows to be used; what the kernel can give back at
 * once (inactive page cache) counts as free. G_MAXUINT64 when nothing limits it. RET_DIR (may be NULL): the
 * directory of the group that allows least, owned; NULL when none limits. PROCESS_ERROR_GONE, _FORBIDDEN, _FAILED.
 */
bool process_cgroup_get_memory_available(pid_t pid, guint64 *ret_bytes, char **ret_dir, GError **error);

/* The same of the group at DIR; FALSE when DIR is no control group. */
bool process_cgroup_dir_get_memory_available(const char *dir, bool is_v2, guint64 *ret_bytes, char **ret_dir);
