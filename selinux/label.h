/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Process and file labels. label-selinux.c is used where libselinux was found, label-none.c where not: callers see
 * no difference but selinux_is_enabled_here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* TRUE when the running kernel enforces or reports SELinux labels and this build can handle them. */
bool selinux_label_is_active(void);
/* Full context of a process; NULL without error set when labels are not active. Owned. */
char *selinux_label_dup_of_process(pid_t pid, GError **error);
/* Sets the label of PATH to that of QEMU's files of CONTEXT (a process context). No-op when not active. */
bool selinux_label_set_file(const char *path, const char *process_context, GError **error);
