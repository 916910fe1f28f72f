/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A signal stops the threads one by one, each at its next return to its program. The kernel tells only a parent, once, when
 * the last has stopped (and tracers; QEMU may be neither our child nor free of one), so /proc is asked.
 *
 * A thread in an uninterruptible sleep counts as stopped: it is in a system call, and stops where that returns.
 */
#include "process/freeze.h"

#include <signal.h>
#include <string.h>

#include "process/poll.h"
#include "process/read.h"

/* Stopping takes tens of microseconds on an idle host. Nothing announces it, see above. */
#define LOOK_AGAIN_US 500

/* proc(5), /proc/PID/stat: the third field, behind the name, which may hold anything. */
static char
parse_state(const char *stat)
{
    const char *cursor = strrchr(stat, ')');

    return cursor && cursor[1] == ' ' ? cursor[2] : '\0';
}

static bool
thread_stands(pid_t pid, const char *thread)
{
    g_autofree char *name = g_strconcat("task/", thread, "/stat", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *stat = process_read_proc(pid, name, 4096, NULL, &error);
    char state = stat ? parse_state(stat) : '\0';

    if (!stat)
        return g_error_matches(error, PROCESS_ERROR, PROCESS_ERROR_GONE);
    /* T: stopped, t: traced, D: uninterruptible, Z and X: dead. */
    return state && strchr("TtDZX", state);
}

/* What cannot be read is not known to stand. */
static bool
all_stand(int pidfd, pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", pid);
    g_autoptr(GDir) threads = g_dir_open(path, 0, NULL);
    const char *name;

    if (!threads)
        return process_has_exited(pidfd);
    while ((name = g_dir_read_name(threads)))
        if (!thread_stands(pid, name))
            return false;
    return true;
}

bool
process_freeze(int pidfd, pid_t pid, gint64 timeout_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;

    if (!process_send_signal(pidfd, SIGSTOP, error))
        return false;
    /* Twice: a thread may have been born while the folder was read. Its maker stands by then. */
    while (!all_stand(pidfd, pid) || !all_stand(pidfd, pid)) {
        if (g_get_monotonic_time() >= deadline_us) {
            g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT, "process %d does not stop", pid);
            return false;
        }
        process_poll_until(pidfd, 0, g_get_monotonic_time() + LOOK_AGAIN_US, -1);
    }
    return true;
}

bool
process_thaw(int pidfd, GError **error)
{
    return process_send_signal(pidfd, SIGCONT, error);
}
