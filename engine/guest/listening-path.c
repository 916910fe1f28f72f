/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/listening-path.h"

#include <sys/stat.h>

#include "guest/error.h"
#include "paths/file.h"
#include "paths/socket.h"

static char *
dup_other_name(const char *path, guint64 domain_id)
{
    return g_strdup_printf("%s.moult-%" G_GUINT64_FORMAT, path, domain_id);
}

static bool
exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/* Nothing to be done where FROM is not there: it has the other name. */
static bool
give(const char *from, const char *to, GError **error)
{
    return !exists(from) || paths_socket_move(from, to, error);
}

bool
guest_listening_pass_path(const char *path, const GuestInstance *from, const GuestInstance *to, GError **error)
{
    g_autofree char *from_name = from ? dup_other_name(path, from->domain_id) : NULL;
    g_autofree char *to_name = to ? dup_other_name(path, to->domain_id) : NULL;
    bool done = (!from || exists(from_name) || paths_socket_move(path, from_name, error)) &&
                (!to || give(to_name, path, error)) &&
                (!from || !to || paths_socket_copy_access(path, from_name, error));

    if (!done)
        guest_error_wrap(error, GUEST_ERROR_FAILED, "listening", "put it into a folder of the engine's user, such as /run", path);
    return done;
}

void
guest_listening_forget_path(const char *path, guint64 domain_id)
{
    g_autofree char *name = dup_other_name(path, domain_id);
    g_autoptr(GError) error = NULL;

    if (exists(name) && !paths_file_remove(name, &error))
        g_debug("%s", error->message);
}

static bool
has_our_mounts(const GuestInstance *instance)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/mnt", instance->process.pid);
    struct stat ours, theirs;

    return stat("/proc/self/ns/mnt", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino;
}

bool
guest_listening_can_pass_path(const char *path, const GuestInstance *instance, GError **error)
{
    if (!g_path_is_absolute(path))
        guest_error_set(error, GUEST_ERROR_REFUSED, "listening", NULL, "%s is no absolute path", path);
    else if (!has_our_mounts(instance))
        guest_error_set(error, GUEST_ERROR_REFUSED, "listening", NULL, "%s is in a mount namespace of the guest's", path);
    else
        return paths_socket_can_move(path, error);
    return false;
}
