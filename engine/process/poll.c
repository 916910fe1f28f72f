/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/poll.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <time.h>

ProcessPollResult
process_poll_until(int fd, short events, gint64 deadline_us, int cancel_fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = cancel_fd, .events = POLLIN}};

    while (true) {
        gint64 left_us = MAX(deadline_us - g_get_monotonic_time(), 0);
        struct timespec left = {.tv_sec = left_us / G_USEC_PER_SEC,
                                .tv_nsec = left_us % G_USEC_PER_SEC * 1000};
        int n_ready = ppoll(fds, G_N_ELEMENTS(fds), &left, NULL);

        if (n_ready < 0 && errno == EINTR)
            continue;
        if (n_ready < 0)
            return PROCESS_POLL_FAILED;
        if (fds[0].revents & POLLNVAL || fds[1].revents & POLLNVAL) {
            errno = EBADF;
            return PROCESS_POLL_FAILED;
        }
        if (fds[0].revents)
            return PROCESS_POLL_READY;
        if (fds[1].revents)
            return PROCESS_POLL_CANCELLED;
        if (left_us == 0)
            return PROCESS_POLL_TIMED_OUT;
    }
}
