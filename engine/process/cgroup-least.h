/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tightest of a control group and those above it still allows: the one walk for every kind of limit.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* What the one group at DIR leaves; G_MAXUINT64 where it limits nothing. */
typedef guint64 (*ProcessCgroupRoomFunc)(const char *dir, bool is_v2);

/*
 * The least that GET says of the group at DIR and of every group above it, and (RET_DIR may be NULL) the directory of that
 * group, owned, NULL when none limits. FALSE when DIR is no control group.
 */
bool process_cgroup_dir_find_least(const char *dir, bool is_v2, ProcessCgroupRoomFunc get, guint64 *ret_least,
                                   char **ret_dir);
/* The same of the group of PID that has CONTROLLER. PROCESS_ERROR_GONE, _FORBIDDEN, _FAILED. */
bool process_cgroup_find_least(pid_t pid, const char *controller, ProcessCgroupRoomFunc get, guint64 *ret_least,
                               char **ret_dir, GError **error);

/* The number in DIR/NAME, "max" being G_MAXUINT64; FALSE when there is no such file. */
bool process_cgroup_read_number(const char *dir, const char *name, guint64 *ret_value);
