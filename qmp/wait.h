/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a blocking call may take and what ends it early. Passed by pointer through every layer that waits,
 * so that no wait in moult lacks a deadline or a way to cancel.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    gint64 deadline_us; /* g_get_monotonic_time() clock; never "for ever" */
    int cancel_fd;      /* readable once the caller wants out; -1 when it cannot be cancelled. Borrowed. */
} QmpWait;

/* A wait that ends TIMEOUT_MS from now, or when CANCEL_FD becomes readable. */
static inline QmpWait
qmp_wait_from_now(gint64 timeout_ms, int cancel_fd)
{
    return (QmpWait){.deadline_us = g_get_monotonic_time() + timeout_ms * 1000, .cancel_fd = cancel_fd};
}

/* The shorter of WAIT and TIMEOUT_MS from now; keeps WAIT's cancel descriptor. */
static inline QmpWait
qmp_wait_within(const QmpWait *wait, gint64 timeout_ms)
{
    gint64 limit_us = g_get_monotonic_time() + timeout_ms * 1000;
    return (QmpWait){.deadline_us = MIN(limit_us, wait->deadline_us), .cancel_fd = wait->cancel_fd};
}

typedef enum {
    QMP_WAIT_READY,     /* one of the events, or an error or hang-up, is there */
    QMP_WAIT_TIMED_OUT, /* the deadline has passed, however busy the descriptor is */
    QMP_WAIT_CANCELLED  /* the cancel descriptor is readable, or broken; comes before all else */
} QmpWaitResult;

/* Waits for EVENTS (of poll(2)) on FD; with FD -1, for the deadline or the cancel descriptor alone. EINTR is
 * not seen. */
QmpWaitResult qmp_wait_poll(const QmpWait *wait, int fd, short events);

/* Whether the wait is over already, without waiting: READY means that it is not. */
QmpWaitResult qmp_wait_check(const QmpWait *wait);
