/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What /proc says about a process. Every file of a foreign process is read with a bound; content is untrusted.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/identity.h"

/*
 * The NUL-separated arguments, at most 1 MiB / 65536 arguments; NULL-terminated, owned. Empty for a kernel thread and
 * for a process that has ended and is not reaped yet.
 * Errors of all functions here: PROCESS_ERROR_GONE, _FORBIDDEN, _FAILED.
 */
char **process_proc_dup_cmdline(pid_t pid, GError **error);
/* Environment, as cmdline. */
char **process_proc_dup_environ(pid_t pid, GError **error);
/* Target of /proc/PID/exe, " (deleted)" and rpm's ";HEX (deleted)" cut off; RET_DELETED says whether it was. Owned. */
char *process_proc_dup_exe(pid_t pid, bool *ret_deleted, GError **error);
/* As the kernel shows it; " (deleted)" kept. Owned. */
char *process_proc_dup_cwd(pid_t pid, GError **error);
/* Proportional set size in bytes (smaps_rollup). */
bool process_proc_get_pss(pid_t pid, guint64 *ret_pss_bytes, GError **error);
/* What it has in memory, huge pages included, in bytes (status). */
bool process_proc_get_resident(pid_t pid, guint64 *ret_bytes, GError **error);
/* How long its threads have run so far, in microseconds. */
bool process_proc_get_cpu_time(pid_t pid, gint64 *ret_cpu_us, GError **error);
/* Effective ids. Each may be NULL. */
bool process_proc_get_ids(pid_t pid, uid_t *ret_uid, gid_t *ret_gid, GError **error);
/*
 * A duplicate of the descriptor FD_NUMBER of the pidfd's process (pidfd_getfd, Linux 5.6), CLOEXEC; -1 on failure.
 * It needs the right to trace that process; for another user's process CAP_SYS_PTRACE. GONE: it has no such descriptor, too.
 */
int process_proc_fetch_fd(int pidfd, int fd_number, GError **error);
/* The process that started it, or took it over. */
bool process_proc_get_parent(pid_t pid, pid_t *ret_parent, GError **error);
/* Whether it is in the pid namespace of this process. */
bool process_proc_is_in_our_pid_namespace(pid_t pid);
/* MemAvailable of the node, in bytes. */
bool process_proc_get_mem_available(guint64 *ret_bytes, GError **error);
/* The major number of the character devices of DRIVER, which the kernel has chosen; FALSE: it has none of them. */
bool process_proc_get_char_major(const char *driver, unsigned *ret_major);
/* Whether its main thread has child processes. */
bool process_proc_get_has_children(pid_t pid, bool *ret_has_children, GError **error);
/* pids of this pid namespace, GArray of pid_t, owned. */
GArray *process_proc_list_pids(GError **error);

typedef struct {
    guint64 start, end;
    char permissions[5]; /* "rw-s" */
    guint64 offset;
    dev_t device;
    guint64 inode;
    char *path; /* may be NULL; " (deleted)" kept */
} ProcessMapping;
void process_mapping_free(ProcessMapping *mapping);
/* GPtrArray of ProcessMapping, owned; bounded at 65536 entries. */
GPtrArray *process_proc_read_maps(pid_t pid, GError **error);
/* Bytes of the file DEVICE and INODE that are mapped shared and writable. */
guint64 process_mappings_sum_shared(const GPtrArray *mappings, dev_t device, ino_t inode);
