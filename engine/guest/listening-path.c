/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/listening-path.h"

#include <sys/stat.h>
#include <unistd.h>

#include "guest/error.h"
#include "guest/peer.h"
#include "guest/root.h"
#include "paths/file.h"
#include "paths/socket.h"
#include "qmp/socket.h"
#include "qmp/stream.h"

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

/* What has a name may be another's since: that QEMU listens says nothing of it. */
static bool
is_its_own(const char *path, const GuestInstance *instance, GError **error)
{
    g_autoptr(GError) local = NULL;
    int fd = qmp_socket_connect(path, &local);
    bool is_its = guest_peer_is(instance, fd);

    if (fd >= 0)
        close(fd);
    if (!is_its)
        guest_error_set(error, GUEST_ERROR_REFUSED, "listening", NULL, "it is not QEMU (pid %d) that listens at %s%s%s", instance->process.pid,
                        path, local ? ": " : "", local ? local->message : "");
    return is_its;
}

static bool
give_up(const char *path, const char *other_name, const GuestInstance *from, GError **error)
{
    return exists(other_name) || (is_its_own(path, from, error) && paths_socket_move(path, other_name, error));
}

/* What a QEMU that is gone has left is replaced. */
static bool
is_free(const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    int fd = qmp_socket_connect(path, &local);

    if (fd < 0 && !g_error_matches(local, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL))
        return true;
    if (fd >= 0)
        close(fd);
    guest_error_set(error, GUEST_ERROR_FAILED, "listening", "free it, then restart moultd, which tries again",
                    "somebody else listens at %s", path);
    return false;
}

/* Nothing to be done where the other name is not there: it has PATH. */
static bool
take(const char *path, const char *other_name, GError **error)
{
    return !exists(other_name) || (is_free(path, error) && paths_socket_move(other_name, path, error));
}

bool
guest_listening_pass_path(const char *path, const GuestInstance *from, const GuestInstance *to, GError **error)
{
    g_autofree char *from_name = from ? dup_other_name(path, from->domain_id) : NULL;
    g_autofree char *to_name = to ? dup_other_name(path, to->domain_id) : NULL;
    bool done = (!from || give_up(path, from_name, from, error)) && (!to || take(path, to_name, error)) &&
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

bool
guest_listening_can_pass_path(const char *path, const GuestInstance *instance, GError **error)
{
    if (!g_path_is_absolute(path))
        guest_error_set(error, GUEST_ERROR_REFUSED, "listening", NULL, "%s is no absolute path", path);
    else if (!guest_root_has_our_mounts(instance))
        guest_error_set(error, GUEST_ERROR_REFUSED, "listening", NULL, "%s is in a mount namespace of the guest's", path);
    else
        return paths_socket_can_move(path, error) && is_its_own(path, instance, error);
    return false;
}
