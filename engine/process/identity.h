/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who a process is: pid and start time (field 22 of /proc/PID/stat), and the boot id where it goes to disk.
 * A pid alone may have been given to another process meanwhile.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#define PROCESS_ERROR process_error_quark()
GQuark process_error_quark(void);

typedef enum {
    PROCESS_ERROR_GONE,       /* no such process, or another one has the pid now */
    PROCESS_ERROR_FORBIDDEN,  /* the kernel does not let us (Yama, capabilities, ptrace scope) */
    PROCESS_ERROR_TIMED_OUT,
    PROCESS_ERROR_EXEC,       /* the child could not be started; the message says at which step and why */
    PROCESS_ERROR_LAUNCHER,   /* the launcher itself is gone */
    PROCESS_ERROR_CANCELLED,
    PROCESS_ERROR_FAILED      /* everything else the kernel says no to; for the message only */
} ProcessError;

typedef struct {
    pid_t pid;
    guint64 start_time; /* clock ticks since boot */
} ProcessIdentity;

/* Reads the identity of the process that has PID now. */
bool process_identity_read(pid_t pid, ProcessIdentity *ret_identity, GError **error);
/* A pidfd of exactly this process (opened, then verified); -1 and GONE otherwise. Owned by the caller, CLOEXEC. */
int process_identity_open(const ProcessIdentity *identity, GError **error);
bool process_identity_equal(const ProcessIdentity *a, const ProcessIdentity *b);
/*
 * This boot's id, as in /proc/sys/kernel/random/boot_id, without newline. Static storage, never NULL; "" when /proc
 * does not tell, which must be taken for "another boot".
 */
const char *process_boot_id(void);

typedef struct {
    bool known;     /* FALSE: it was not our child (or already reaped by someone else): only "gone" is known */
    int exit_code;  /* -1 when killed by a signal */
    int signal;     /* 0 when it exited */
    bool core_dumped;
} ProcessExit;

/* TRUE when the pidfd's process has ended (zombie or reaped). */
bool process_has_exited(int pidfd);
/*
 * Waits for the end of the pidfd's process, reaps it when it is our child. CANCEL_FD (may be -1) ends the wait when it
 * becomes readable. RET_EXIT may be NULL. Errors: TIMED_OUT, CANCELLED, FAILED. A TIMEOUT_MS of 0 only looks.
 * When two threads wait for one child, one of them learns how it ended and the other that it did.
 */
bool process_wait_exit(int pidfd, gint64 timeout_ms, int cancel_fd, ProcessExit *ret_exit, GError **error);
/* SIGKILL through the pidfd, then process_wait_exit. Killing one that has already ended succeeds; FORBIDDEN. */
bool process_kill_and_reap(int pidfd, gint64 timeout_ms, ProcessExit *ret_exit, GError **error);
/*
 * The same for PID, held by PIDFD, and all of the process group that it leads: a child of ours, started by the launcher
 * and not yet reaped, so that no other group can have its number. What the group's others leave to be reaped is not ours
 * to wait for; that they have ended is, within the same time, but is no failure.
 */
bool process_kill_group_and_reap(int pidfd, pid_t pid, gint64 timeout_ms, ProcessExit *ret_exit, GError **error);
/* Errors: GONE (it has been reaped), FORBIDDEN, FAILED. */
bool process_send_signal(int pidfd, int signal, GError **error);
