/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/reserve.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool
process_reserve_take(ProcessReserve *reserve)
{
    for (int i = 0; i < PROCESS_RESERVE_FDS; i++) {
        reserve->fds[i] = eventfd(0, EFD_CLOEXEC);
        if (reserve->fds[i] >= 0)
            continue;
        int error = errno;
        process_reserve_release(reserve);
        errno = error;
        return false;
    }
    return true;
}

void
process_reserve_release(ProcessReserve *reserve)
{
    for (int i = 0; i < PROCESS_RESERVE_FDS; i++) {
        if (reserve->fds[i] >= 0)
            close(reserve->fds[i]);
        reserve->fds[i] = -1;
    }
}
