/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes by identity and by pidfd.
 *
 * A pidfd never changes the process it stands for, a pid may. So the way from a remembered identity to
 * something that can be signalled is: open a pidfd of the pid, then compare the start time. Were the pidfd
 * another process's, the pid would have been given away before the comparison, and the start time would
 * differ.
 *
 * waitid(P_PIDFD) needs Linux 5.4, pidfd_open 5.3.
 */
#include "process/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/failure.h"
#include "process/fd.h"
#include "process/poll.h"
#include "process/read.h"

#ifndef P_PIDFD
#define P_PIDFD 3 /* Linux 5.4; glibc knows it from 2.36 on */
#endif

/* See await_group_end. */
#define GROUP_LOOK_AGAIN_US 1000

/* proc(5): /proc/PID/stat; the name in field 2 may hold anything, ")" and spaces too. */
#define FIELD_AFTER_NAME 3
#define FIELD_START_TIME 22

static bool
parse_start_time(const char *stat, guint64 *ret_start_time)
{
    const char *cursor = strrchr(stat, ')');

    if (!cursor || cursor[1] != ' ')
        return false;
    cursor += 2;
    for (int field = FIELD_AFTER_NAME; field < FIELD_START_TIME; field++) {
        cursor = strchr(cursor, ' ');
        if (!cursor)
            return false;
        cursor++;
    }
    if (!g_ascii_isdigit(*cursor))
        return false;
    *ret_start_time = g_ascii_strtoull(cursor, NULL, 10);
    return true;
}

bool
process_identity_read(pid_t pid, ProcessIdentity *ret_identity, GError **error)
{
    guint64 start_time;
    g_autofree char *stat = process_read_proc(pid, "stat", 4096, NULL, error);

    if (!stat)
        return false;
    if (!parse_start_time(stat, &start_time)) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d/stat has no start time", pid);
        return false;
    }
    *ret_identity = (ProcessIdentity){.pid = pid, .start_time = start_time};
    return true;
}

int
process_identity_open(const ProcessIdentity *identity, GError **error)
{
    ProcessIdentity now;
    process_autofd pidfd = -1;

    if (identity->pid <= 0) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_GONE, "%d is no process", identity->pid);
        return -1;
    }
    pidfd = (int)syscall(SYS_pidfd_open, identity->pid, 0);
    if (pidfd < 0) {
        process_set_error_errno(error, errno, "process %d", identity->pid);
        return -1;
    }
    if (!process_identity_read(identity->pid, &now, error))
        return -1;
    if (!process_identity_equal(identity, &now)) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_GONE,
                    "process %d has ended; another one has its pid now", identity->pid);
        return -1;
    }
    return process_fd_steal(&pidfd);
}

bool
process_identity_equal(const ProcessIdentity *a, const ProcessIdentity *b)
{
    return a->pid == b->pid && a->start_time == b->start_time;
}

const char *
process_boot_id(void)
{
    static char *boot_id;

    if (g_once_init_enter(&boot_id)) {
        g_autofree char *text = process_read_file("/proc/sys/kernel/random/boot_id", 64, NULL, NULL);

        g_once_init_leave(&boot_id, text ? g_strdup(g_strstrip(text)) : g_strdup(""));
    }
    return boot_id;
}

bool
process_has_exited(int pidfd)
{
    return process_poll_until(pidfd, POLLIN, 0, -1) == PROCESS_POLL_READY;
}

/* After its end: how it ended, when it was our child. */
static bool
reap(int pidfd, ProcessExit *ret_exit, GError **error)
{
    siginfo_t info = {0};
    int result;

    do
        result = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL);
    while (result < 0 && errno == EINTR);
    if (result < 0 && errno != ECHILD) {
        process_set_error_errno(error, errno, "cannot wait for a process");
        return false;
    }
    if (!ret_exit)
        return true;
    *ret_exit = (ProcessExit){.exit_code = -1};
    if (result < 0 || info.si_pid == 0) /* somebody else's child, or one that a tracer still holds */
        return true;
    ret_exit->known = true;
    if (info.si_code == CLD_EXITED)
        ret_exit->exit_code = info.si_status;
    else
        ret_exit->signal = info.si_status;
    ret_exit->core_dumped = info.si_code == CLD_DUMPED;
    return true;
}

bool
process_wait_exit(int pidfd, gint64 timeout_ms, int cancel_fd, ProcessExit *ret_exit, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + MAX(timeout_ms, 0) * 1000;

    switch (process_poll_until(pidfd, POLLIN, deadline_us, cancel_fd)) {
    case PROCESS_POLL_READY:
        return reap(pidfd, ret_exit, error);
    case PROCESS_POLL_TIMED_OUT:
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT,
                    "the process did not end within %" G_GINT64_FORMAT " ms", timeout_ms);
        return false;
    case PROCESS_POLL_CANCELLED:
        g_set_error_literal(error, PROCESS_ERROR, PROCESS_ERROR_CANCELLED,
                            "cancelled while waiting for a process");
        return false;
    case PROCESS_POLL_FAILED:
        break;
    }
    process_set_error_errno(error, errno, "cannot wait for a process");
    return false;
}

bool
process_send_signal(int pidfd, int signal, GError **error)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0)
        return true;
    process_set_error_errno(error, errno, "cannot send signal %d", signal);
    return false;
}

bool
process_kill_and_reap(int pidfd, gint64 timeout_ms, ProcessExit *ret_exit, GError **error)
{
    g_autoptr(GError) kill_error = NULL;

    if (!process_send_signal(pidfd, SIGKILL, &kill_error) &&
        !g_error_matches(kill_error, PROCESS_ERROR, PROCESS_ERROR_GONE)) {
        g_propagate_error(error, g_steal_pointer(&kill_error));
        return false;
    }
    return process_wait_exit(pidfd, timeout_ms, -1, ret_exit, error);
}

/* Nothing tells of the end of processes that are nobody's children here; the moment it takes is a short one. */
static void
await_group_end(pid_t group, gint64 deadline_us)
{
    while (kill(-group, 0) == 0 && g_get_monotonic_time() < deadline_us)
        g_usleep(GROUP_LOOK_AGAIN_US);
}

bool
process_kill_group_and_reap(int pidfd, pid_t pid, gint64 timeout_ms, ProcessExit *ret_exit, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    bool has_group = process_send_signal(pidfd, SIGKILL, NULL) && kill(-pid, SIGKILL) == 0;

    if (!process_kill_and_reap(pidfd, timeout_ms, ret_exit, error))
        return false;
    if (has_group)
        await_group_end(pid, deadline_us);
    return true;
}
