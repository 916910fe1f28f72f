/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An absolute link below /proc/PID/root would lead the engine to its own root: RESOLVE_IN_ROOT (Linux 5.6) takes it for what it is to the
 * QEMU, and lets nothing lead out of there.
 */
#include "guest/stat-there.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/root.h"

static int
open_there(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

bool
guest_stat_there(const GuestInstance *instance, const char *path, struct stat *ret_status)
{
    g_autofree char *root_path = guest_root_dup_path(instance, "/");
    g_autofree char *full = *path == '/' ? g_strdup(path) : g_build_filename(instance->definition->cwd, path, NULL);
    bool is_known = guest_root_is_known(instance);
    int root = !is_known ? -1 : open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = root >= 0 ? open_there(root, full) : -1;
    bool done = fd >= 0 && fstat(fd, ret_status) == 0;
    int saved = is_known ? errno : EXDEV;

    if (fd >= 0)
        close(fd);
    if (root >= 0)
        close(root);
    errno = saved;
    return done;
}
