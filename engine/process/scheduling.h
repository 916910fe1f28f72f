/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the kernel runs a thread besides where: scheduling class and priority, nice value, I/O priority, timer slack. A
 * thread has its creator's until it is given others, so that those of a process before it executes anything are those of all
 * threads it will have.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    uint32_t policy;   /* SCHED_OTHER, SCHED_FIFO ... */
    uint32_t priority; /* of SCHED_FIFO and SCHED_RR */
    uint64_t flags;    /* SCHED_FLAG_RESET_ON_FORK */
    uint64_t runtime_ns, deadline_ns, period_ns; /* of SCHED_DEADLINE */
    int32_t nice;
    int32_t io_priority;     /* ioprio_set(2); -1: not known */
    uint64_t timer_slack_ns; /* 0: not known, or of no meaning for its class */
} ProcessScheduling;

/* TID is as we see it. What a kernel or our rights do not tell is left as "not known". GONE, FAILED. */
bool process_scheduling_read(pid_t tid, ProcessScheduling *ret_scheduling, GError **error);
/* Sets what is other than it should be. */
bool process_scheduling_apply(pid_t tid, const ProcessScheduling *scheduling, GError **error);

/*
 * The thread of PROCESS that calls itself THREAD (its gettid(), which is another number in a pid namespace); 0 when it has
 * none. What a QEMU says of its threads is to be put through this.
 */
pid_t process_scheduling_find_thread(pid_t process, pid_t thread);

/* For the launcher's child: its own class, I/O priority and slack; not the nice value. Async-signal-safe; -1 with errno. */
long process_scheduling_set_own(const ProcessScheduling *scheduling);
