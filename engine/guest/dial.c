/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/dial.h"

#include <errno.h>
#include <poll.h>

#include "qmp/wait.h"

/* To the loopback the kernel connects within the call as a rule. */
#define CONNECT_MS 1000

bool
guest_dial_is_made(int fd)
{
    GuestAddress peer;
    socklen_t size = sizeof(peer);

    return getpeername(fd, &peer.any, &size) == 0;
}

bool
guest_dial(int fd, const GuestAddress *address, socklen_t size)
{
    QmpWait wait = qmp_wait_from_now(CONNECT_MS, -1);
    int failure = ETIMEDOUT;
    socklen_t failure_size = sizeof(failure);

    if (connect(fd, &address->any, size) < 0 && errno != EINPROGRESS)
        return false;
    if (qmp_wait_poll(&wait, fd, POLLOUT) == QMP_WAIT_READY) {
        if (guest_dial_is_made(fd))
            return true;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &failure_size);
    }
    errno = failure;
    return false;
}

bool
guest_dial_end(int fd)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    return connect(fd, &nobody, sizeof(nobody)) == 0;
}
