/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/peer.h"

#include <sys/socket.h>

bool
guest_peer_is(const GuestInstance *instance, int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;

    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == instance->process.pid &&
           instance->pidfd >= 0 && !process_has_exited(instance->pidfd);
}
