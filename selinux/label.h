/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Process and file labels. label-selinux.c is used where libselinux was found, label-none.c where not: callers see
 * no difference but what selinux_label_is_active says.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#define SELINUX_LABEL_ERROR selinux_label_error_quark()
GQuark selinux_label_error_quark(void);
typedef enum {
    SELINUX_LABEL_ERROR_FAILED /* the kernel or the policy refused; nothing a caller could match */
} SelinuxLabelError;

/* TRUE when the running kernel enforces or reports SELinux labels and this build can handle them. */
bool selinux_label_is_active(void);
/* Full context of a process; NULL without error set when labels are not active. Owned. */
char *selinux_label_dup_of_process(pid_t pid, GError **error);
/*
 * Sets the label of PATH (a symlink itself is labelled, not followed) to that of QEMU's files of PROCESS_CONTEXT, a
 * full context as the above returns it. No-op when not active or PROCESS_CONTEXT is NULL. Where the policy names the
 * process's type as one of virtual machines, that is its image type with the process's categories; elsewhere what
 * the policy gives to a file that this process creates in that folder.
 */
bool selinux_label_set_file(const char *path, const char *process_context, GError **error);
/* The same for the file that FD is open for, which may have no path (memfd); where the policy does not know the process as
   a virtual machine it is left as it is. */
bool selinux_label_set_fd(int fd, const char *process_context, GError **error);
/*
 * Whether this process may start BINARY in PROCESS_CONTEXT: setexec, the transition, the binary as its entry point. TRUE
 * when not active or permissive.
 */
bool selinux_label_may_run(const char *process_context, const char *binary, GError **error);
