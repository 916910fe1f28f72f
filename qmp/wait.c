/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

/* Rounded up: a wait must not spin through its last millisecond. */
static int
wait_remaining_ms(const QmpWait *wait)
{
    gint64 left_us = wait->deadline_us - g_get_monotonic_time();

    return left_us <= 0 ? 0 : (int)MIN((left_us + 999) / 1000, INT_MAX);
}

QmpWaitResult
qmp_wait_poll(const QmpWait *wait, int fd, short events)
{
    struct pollfd fds[] = {{.fd = wait->cancel_fd, .events = POLLIN}, {.fd = fd, .events = events}};

    for (;;) {
        int timeout_ms = wait_remaining_ms(wait);
        int n = poll(fds, G_N_ELEMENTS(fds), timeout_ms);
        if (n < 0 && errno == EINTR)
            continue;
        /* Whatever is wrong with the cancel descriptor ends the wait too: better than spinning on it. */
        if (n < 0 || fds[0].revents != 0)
            return QMP_WAIT_CANCELLED;
        if (timeout_ms == 0)
            return QMP_WAIT_TIMED_OUT;
        if (n > 0)
            return QMP_WAIT_READY;
    }
}

QmpWaitResult
qmp_wait_check(const QmpWait *wait)
{
    const QmpWait now = {.deadline_us = 0, .cancel_fd = wait->cancel_fd};

    if (qmp_wait_poll(&now, -1, 0) == QMP_WAIT_CANCELLED)
        return QMP_WAIT_CANCELLED;
    return wait_remaining_ms(wait) == 0 ? QMP_WAIT_TIMED_OUT : QMP_WAIT_READY;
}
