/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "paths/error.h"
#include "paths/fd.h"
#include "paths/folder.h"

#define RETRY_US 5000

/* The kernel has no flock with a deadline and nothing else to wait for a lock with, so this one asks again.
 */
bool
paths_lock_wait(int fd, const char *path, gint64 timeout_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            paths_set_errno(error, errno, "Cannot lock %s", path);
            return false;
        }
        if (g_get_monotonic_time() >= deadline_us) {
            g_set_error(error, PATHS_ERROR, PATHS_ERROR_BUSY, "%s is locked by another process", path);
            return false;
        }
        g_usleep(RETRY_US);
    }
    return true;
}

int
paths_lock_acquire(const char *path, gint64 timeout_ms, GError **error)
{
    const char *name;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(path, &name, error);
    if (folder_fd < 0)
        return -1;
    PATHS_AUTOFD int fd =
        openat(folder_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) {
        paths_set_errno(error, errno, "Cannot open %s", path);
        return -1;
    }
    return paths_lock_wait(fd, path, timeout_ms, error) ? paths_fd_steal(&fd) : -1;
}
