/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sched_setattr(2), ioprio_set(2), PR_SET_TIMERSLACK; /proc/TID/timerslack_ns takes CAP_SYS_NICE for another process.
 * glibc has no wrappers for the first two before 2.41.
 */
#include "process/scheduling.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/failure.h"
#include "process/fd.h"
#include "process/field.h"
#include "process/read.h"

#define IO_WHO_PROCESS 1 /* IOPRIO_WHO_PROCESS: a thread, in fact */
#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif
#define MAX_STATUS_BYTES 65536

/* struct sched_attr as of Linux 3.14. */
typedef struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} Attr;

static long
set_class(pid_t tid, const ProcessScheduling *scheduling)
{
    Attr attr = {.size = sizeof attr,
                 .policy = scheduling->policy,
                 .flags = scheduling->flags,
                 .nice = scheduling->nice,
                 .priority = scheduling->priority,
                 .runtime = scheduling->runtime_ns,
                 .deadline = scheduling->deadline_ns,
                 .period = scheduling->period_ns};

    return syscall(SYS_sched_setattr, tid, &attr, 0u);
}

/* An I/O priority that was never set follows the nice value, and is told as what follows: set only what differs. */
static long
set_io_priority(pid_t tid, int32_t io_priority)
{
    if (io_priority < 0 || syscall(SYS_ioprio_get, IO_WHO_PROCESS, tid) == io_priority)
        return 0;
    return syscall(SYS_ioprio_set, IO_WHO_PROCESS, tid, io_priority);
}

long
process_scheduling_set_own(const ProcessScheduling *scheduling)
{
    /* One that has a deadline may not create threads. */
    if (scheduling->policy != SCHED_DEADLINE && set_class(0, scheduling) < 0)
        return -1;
    if (scheduling->timer_slack_ns > 0 && prctl(PR_SET_TIMERSLACK, (unsigned long)scheduling->timer_slack_ns, 0, 0, 0) < 0)
        return -1;
    return set_io_priority(0, scheduling->io_priority);
}

/* ---- Of other threads ---- */

static char *
slack_path(pid_t tid)
{
    return g_strdup_printf("/proc/%d/timerslack_ns", tid);
}

static uint64_t
read_slack(pid_t tid)
{
    g_autofree char *path = slack_path(tid);
    g_autofree char *text = process_read_file(path, 64, NULL, NULL);
    guint64 slack_ns = 0;

    return text && g_ascii_string_to_unsigned(g_strchomp(text), 10, 0, G_MAXINT64, &slack_ns, NULL) ? slack_ns : 0;
}

static bool
write_slack(pid_t tid, uint64_t slack_ns)
{
    g_autofree char *path = slack_path(tid), *text = g_strdup_printf("%" G_GUINT64_FORMAT, slack_ns);
    process_autofd fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

bool
process_scheduling_read(pid_t tid, ProcessScheduling *ret_scheduling, GError **error)
{
    Attr attr = {0};

    if (syscall(SYS_sched_getattr, tid, &attr, (unsigned)sizeof attr, 0u) < 0) {
        process_set_error_errno(error, errno, "scheduling of thread %d", tid);
        return false;
    }
    /* Linux 6.12 shows the time slice there, which to set would be to fix. */
    if (attr.policy != SCHED_DEADLINE)
        attr.runtime = attr.deadline = attr.period = 0;
    errno = 0;
    int nice_value = getpriority(PRIO_PROCESS, (id_t)tid); /* a real-time thread has one, too */
    if (errno != 0) {
        process_set_error_errno(error, errno, "nice value of thread %d", tid);
        return false;
    }
    *ret_scheduling = (ProcessScheduling){.policy = attr.policy,
                                          .priority = attr.priority,
                                          .flags = attr.flags,
                                          .runtime_ns = attr.runtime,
                                          .deadline_ns = attr.deadline,
                                          .period_ns = attr.period,
                                          .nice = nice_value,
                                          .io_priority = (int32_t)syscall(SYS_ioprio_get, IO_WHO_PROCESS, tid),
                                          .timer_slack_ns = read_slack(tid)};
    return true;
}

static bool
is_same_class(const ProcessScheduling *a, const ProcessScheduling *b)
{
    return a->policy == b->policy && a->priority == b->priority && a->flags == b->flags && a->runtime_ns == b->runtime_ns &&
           a->deadline_ns == b->deadline_ns && a->period_ns == b->period_ns;
}

bool
process_scheduling_apply(pid_t tid, const ProcessScheduling *scheduling, GError **error)
{
    ProcessScheduling now;
    const char *what = NULL;

    if (!process_scheduling_read(tid, &now, error))
        return false;
    /* The nice value by itself: the class takes it for SCHED_OTHER and SCHED_BATCH alone. */
    if (now.nice != scheduling->nice && setpriority(PRIO_PROCESS, (id_t)tid, scheduling->nice) < 0)
        what = "nice value";
    else if (!is_same_class(&now, scheduling) && set_class(tid, scheduling) < 0)
        what = "scheduling class";
    else if (set_io_priority(tid, scheduling->io_priority) < 0)
        what = "I/O priority";
    else if (scheduling->timer_slack_ns > 0 && now.timer_slack_ns != scheduling->timer_slack_ns &&
             !write_slack(tid, scheduling->timer_slack_ns))
        what = "timer slack";
    if (what)
        process_set_error_errno(error, errno, "%s of thread %d", what, tid);
    return what == NULL;
}

/* "NSpid:\t1234\t7": the last is its own view. */
static bool
calls_itself(pid_t process, const char *task, pid_t thread)
{
    g_autofree char *name = g_strdup_printf("task/%s/status", task);
    g_autofree char *status = process_read_proc(process, name, MAX_STATUS_BYTES, NULL, NULL);
    const char *line = status ? process_field_find(status, "NSpid:") : NULL;

    if (!line)
        return false;
    g_autofree char *numbers = g_strndup(line, strcspn(line, "\n"));
    const char *last = strrchr(g_strchomp(numbers), '\t');
    return g_ascii_strtoll(last ? last : numbers, NULL, 10) == thread;
}

pid_t
process_scheduling_find_thread(pid_t process, pid_t thread)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/task", process);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *task;

    while (dir && (task = g_dir_read_name(dir)))
        if (calls_itself(process, task, thread))
            return (pid_t)g_ascii_strtoll(task, NULL, 10);
    return 0;
}
