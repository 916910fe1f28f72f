/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descriptor that closes itself at the end of its block. Internal to paths/.
 */
#pragma once

#include <errno.h>
#include <unistd.h>

static inline void paths_fd_cleanup(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    errno = saved;
}

#define PATHS_AUTOFD __attribute__((cleanup(paths_fd_cleanup)))

static inline int paths_fd_steal(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}
