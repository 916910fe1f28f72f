/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/pidfile.h"

#include <string.h>

#include "guest/error.h"
#include "paths/file.h"

#define PIDFILE_MODE 0644
#define PIDFILE_MAX_BYTES 64

static bool
fail(const char *path, GError **error)
{
    guest_error_wrap(error, GUEST_ERROR_FAILED, "pidfile", "put it into a folder of the engine's user, such as /run",
                     path);
    return false;
}

bool
guest_pidfile_write(const char *path, pid_t pid, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d\n", pid);

    return !path || paths_file_replace(path, text, strlen(text), PIDFILE_MODE, error) || fail(path, error);
}

bool
guest_pidfile_remove(const GuestInstance *instance, GError **error)
{
    g_autofree char *text = NULL;
    gint64 pid = 0;

    if (!instance->pidfile)
        return true;
    text = paths_file_read(instance->pidfile, PIDFILE_MAX_BYTES, NULL, NULL);
    if (!text || !g_ascii_string_to_signed(g_strchomp(text), 10, 1, G_MAXINT, &pid, NULL) || pid != instance->process.pid)
        return true;
    return paths_file_remove(instance->pidfile, error) || fail(instance->pidfile, error);
}
