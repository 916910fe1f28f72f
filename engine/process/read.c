/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/read.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "process/failure.h"
#include "process/fd.h"

/* One page at first: nearly every file of /proc/PID fits. */
#define FIRST_BYTES 4096

char *
process_read_file(const char *path, size_t max_bytes, size_t *ret_size, GError **error)
{
    process_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t allocated = MIN(FIRST_BYTES, max_bytes) + 2, size = 0;
    g_autofree char *data = NULL;

    if (fd < 0) {
        process_set_error_errno(error, errno, "%s", path);
        return NULL;
    }
    data = g_malloc(allocated);
    while (true) {
        ssize_t n = read(fd, data + size, allocated - 1 - size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            process_set_error_errno(error, errno, "%s", path);
            return NULL;
        }
        if (n == 0)
            break;
        size += (size_t)n;
        if (size > max_bytes) {
            g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "%s has more than %zu bytes", path,
                        max_bytes);
            return NULL;
        }
        if (size == allocated - 1) {
            allocated = MIN(allocated * 2, max_bytes + 2);
            data = g_realloc(data, allocated);
        }
    }
    data[size] = '\0';
    if (ret_size)
        *ret_size = size;
    return g_steal_pointer(&data);
}

char *
process_read_proc(pid_t pid, const char *name, size_t max_bytes, size_t *ret_size, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, name);

    return process_read_file(path, max_bytes, ret_size, error);
}
