/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "paths/error.h"
#include "paths/fd.h"
#include "paths/folder.h"
#include "paths/lock.h"
#include "paths/temporary.h"

#define LOCK_TIMEOUT_MS 10000 /* another writer holds it for one write and one fsync */

static bool
write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* The umask does not count; the mode is set before there is anything to read. */
static bool
write_new_file(int folder_fd, const char *name, const char *data, size_t size, mode_t mode)
{
    PATHS_AUTOFD int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd >= 0 && fchmod(fd, mode) == 0 && write_all(fd, data, size) && fsync(fd) == 0;
}

bool
paths_file_replace(const char *path, const char *data, size_t size, mode_t mode, GError **error)
{
    const char *name;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(path, &name, error);
    if (folder_fd < 0)
        return false;
    g_autofree char *temporary = paths_temporary_name(name);
    if (!write_new_file(folder_fd, temporary, data, size, mode) ||
        renameat(folder_fd, temporary, folder_fd, name) < 0) {
        paths_set_errno(error, errno, "Cannot write %s", path);
        unlinkat(folder_fd, temporary, 0);
        return false;
    }
    if (fsync(folder_fd) < 0) {
        paths_set_errno(error, errno, "Cannot write the folder of %s to disk", path);
        return false;
    }
    return true;
}

/* O_NONBLOCK: somebody's FIFO must not hold us up; it has no effect on regular files. */
static int
open_regular(int folder_fd, const char *name, int flags, mode_t mode, const char *path, struct stat *ret_info,
             GError **error)
{
    PATHS_AUTOFD int fd = openat(folder_fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0) {
        paths_set_errno(error, errno, "Cannot open %s", path);
        return -1;
    }
    if (!S_ISREG(info.st_mode)) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_UNSAFE, "%s is not a regular file", path);
        return -1;
    }
    if (!paths_folder_check_owner(&info, path, error))
        return -1;
    *ret_info = info;
    return paths_fd_steal(&fd);
}

/* Reads up to SIZE bytes from OFFSET; the file may shrink meanwhile. Owned; NULL and errno on failure. */
static char *
read_range(int fd, off_t offset, size_t size, size_t *ret_size)
{
    g_autofree char *data = g_malloc(size + 1);
    size_t filled = 0;
    while (filled < size) {
        ssize_t got = pread(fd, data + filled, size - filled, offset + (off_t)filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return NULL;
        if (got == 0)
            break;
        filled += (size_t)got;
    }
    data[filled] = '\0';
    *ret_size = filled;
    return g_steal_pointer(&data);
}

static char *
read_file(const char *path, size_t max_bytes, bool tail, size_t *ret_size, GError **error)
{
    struct stat info;
    PATHS_AUTOFD int fd = open_regular(AT_FDCWD, path, O_RDONLY, 0, path, &info, error);
    if (fd < 0)
        return NULL;
    /* One byte more than is allowed tells a file that is too long, even when its size was not known before.
     */
    size_t wanted = MIN((guint64)info.st_size, max_bytes) + (tail ? 0 : 1);
    off_t offset = tail ? info.st_size - (off_t)wanted : 0;
    size_t size;
    char *data = read_range(fd, offset, wanted, &size);
    if (!data) {
        paths_set_errno(error, errno, "Cannot read %s", path);
        return NULL;
    }
    if (!tail && size == wanted) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID,
                    size > max_bytes ? "%s is longer than %zu bytes"
                                     : "%s grows while it is read (limit %zu bytes)",
                    path, max_bytes);
        g_free(data);
        return NULL;
    }
    if (ret_size)
        *ret_size = size;
    return data;
}

char *
paths_file_read(const char *path, size_t max_bytes, size_t *ret_size, GError **error)
{
    return read_file(path, max_bytes, false, ret_size, error);
}

char *
paths_file_read_tail(const char *path, size_t max_bytes, size_t *ret_size, GError **error)
{
    return read_file(path, max_bytes, true, ret_size, error);
}

/* FD is locked against other writers, so the size stays what it is. */
static bool
append_record(int fd, const char *data, size_t size)
{
    struct stat info;
    char last = '\n';
    if (fstat(fd, &info) < 0 || (info.st_size > 0 && pread(fd, &last, 1, info.st_size - 1) != 1))
        return false;
    struct iovec parts[] = {
        {.iov_base = (char[]){'\n'}, .iov_len = last == '\n' ? 0 : 1},
        {.iov_base = (char *)(guintptr)data, .iov_len = size},
    };
    ssize_t written = writev(fd, parts, G_N_ELEMENTS(parts));
    if (written == (ssize_t)(parts[0].iov_len + size) && fsync(fd) == 0)
        return true;
    int error_number = written < 0 ? errno : ENOSPC;
    if (ftruncate(fd, info.st_size) < 0)
        g_debug("A record that was written in part stays: %s", g_strerror(errno));
    errno = error_number;
    return false;
}

bool
paths_file_append(const char *path, const char *data, size_t size, mode_t mode, GError **error)
{
    const char *name;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(path, &name, error);
    if (folder_fd < 0)
        return false;
    struct stat info;
    PATHS_AUTOFD int fd =
        open_regular(folder_fd, name, O_RDWR | O_APPEND | O_CREAT, mode, path, &info, error);
    if (fd < 0)
        return false;
    if (!paths_lock_wait(fd, path, LOCK_TIMEOUT_MS, error))
        return false;
    if (!append_record(fd, data, size) || fsync(folder_fd) < 0) {
        paths_set_errno(error, errno, "Cannot append to %s", path);
        return false;
    }
    return true;
}

bool
paths_file_remove(const char *path, GError **error)
{
    const char *name;
    g_autoptr(GError) local = NULL;
    PATHS_AUTOFD int folder_fd = paths_folder_open_parent(path, &name, &local);
    if (folder_fd < 0) {
        if (g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING))
            return true;
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if ((unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT) || fsync(folder_fd) < 0) {
        paths_set_errno(error, errno, "Cannot remove %s", path);
        return false;
    }
    return true;
}
