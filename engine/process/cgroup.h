/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control groups of a process as directories, for version 1, version 2 and both at once.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The directories whose cgroup.procs a process must join to be where PID is, one a hierarchy; hierarchies in
 * which PID is where we are, and those that are not mounted here, are left out. NULL-terminated, perhaps
 * empty, owned.
 */
char **process_cgroup_dup_dirs(pid_t pid, GError **error);
/*
 * The directory of PID in the hierarchy that has CONTROLLER ("memory"), as seen from here: version 1 where it has it,
 * else version 2. Owned. NULL without an error when that is not mounted here.
 */
char *process_cgroup_dup_dir(pid_t pid, const char *controller, bool *ret_is_v2, GError **error);
