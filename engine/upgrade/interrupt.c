/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/interrupt.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

static bool
add(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

int
upgrade_interrupt_new(int cancel_fd, int pidfd)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0 || (add(fd, cancel_fd) && add(fd, pidfd)))
        return fd;
    close(fd);
    return -1;
}

bool
upgrade_interrupt_has_come(int fd)
{
    struct pollfd interrupt = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&interrupt, 1, 0) > 0;
}
