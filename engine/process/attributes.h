/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything about a running process that its replacement must share with it, in the form that the launcher
 * takes.
 */
#pragma once

#include <glib.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "process/launcher.h"

typedef struct {
    LauncherAttributes launcher; /* points into what follows */
    char *cwd;
    gid_t *groups;
    char **cgroup_dirs;
    struct rlimit limits[RLIM_NLIMITS];
    cpu_set_t affinity;
} ProcessAttributes;

/*
 * Reads them: user, groups, working directory ("/" when it has been removed), umask, nice value, scheduling
 * class, I/O priority and timer slack of the main thread, OOM score adjustment, limits, affinity of the main thread, control groups (where they differ from ours), namespaces,
 * bounding set, ambient capabilities and "no new privileges".
 * Not the SELinux context (selinux/label.h), and not what single threads have of their own, which they are given once
 * they exist.
 *
 * `as_permitted` is set: a replacement that lacks some niceness is better than none.
 * Errors: PROCESS_ERROR_GONE, _FORBIDDEN, _FAILED. Owned.
 */
ProcessAttributes *process_attributes_read(pid_t pid, GError **error);
void process_attributes_free(ProcessAttributes *attributes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProcessAttributes, process_attributes_free)
