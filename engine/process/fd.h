/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors with an owner: closed at the end of the scope, or stolen from it (GLib has g_autofd from 2.76
 * on only).
 */
#pragma once

#include <errno.h>
#include <unistd.h>

/* Closes *FD when it is one, keeps errno. */
static inline void
process_fd_clear(int *fd)
{
    int saved_errno = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved_errno;
}

static inline int
process_fd_steal(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

#define process_autofd __attribute__((cleanup(process_fd_clear))) int
