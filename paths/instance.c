/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths/instance.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "paths/decimal.h"
#include "paths/error.h"
#include "paths/fd.h"
#include "paths/folder.h"
#include "paths/socket.h"
#include "paths/tree.h"

static PathsInstance *
instance_new_at(char *dir, guint64 domain_id)
{
    PathsInstance *instance = g_new0(PathsInstance, 1);
    instance->domain_id = domain_id;
    instance->dir = dir;
    instance->monitor_socket = g_build_filename(dir, "monitor.sock", NULL);
    instance->operator_socket = g_build_filename(dir, "operator.sock", NULL);
    instance->qemu_dir = g_build_filename(dir, "qemu", NULL);
    instance->migrate_socket = g_build_filename(dir, "qemu", "migrate.sock", NULL);
    instance->config = g_build_filename(dir, "config.json", NULL);
    instance->log = g_build_filename(dir, "qemu.log", NULL);
    return instance;
}

PathsInstance *
paths_instance_new(const PathsDirs *dirs, guint64 domain_id)
{
    return instance_new_at(g_strdup_printf("%s/%" PRIu64, dirs->instances, domain_id), domain_id);
}

PathsInstance *
paths_instance_copy(const PathsInstance *instance)
{
    return instance ? instance_new_at(g_strdup(instance->dir), instance->domain_id) : NULL;
}

void
paths_instance_free(PathsInstance *instance)
{
    if (!instance)
        return;
    g_free(instance->dir);
    g_free(instance->monitor_socket);
    g_free(instance->operator_socket);
    g_free(instance->qemu_dir);
    g_free(instance->migrate_socket);
    g_free(instance->config);
    g_free(instance->log);
    g_free(instance);
}

static bool
create_qemu_dir(const PathsInstance *instance, int dir_fd, uid_t uid, gid_t gid, GError **error)
{
    PATHS_AUTOFD int fd = paths_folder_create_at(dir_fd, "qemu", 0700, uid, gid, instance->qemu_dir, error);
    return fd >= 0;
}

bool
paths_instance_create(const PathsInstance *instance, uid_t uid, gid_t gid, GError **error)
{
    const char *name;
    PATHS_AUTOFD int parent_fd = paths_folder_open_parent(instance->dir, &name, error);
    if (parent_fd < 0)
        return false;
    bool own = uid == geteuid();
    PATHS_AUTOFD int fd = paths_folder_create_at(parent_fd, name, own ? 0700 : 0710, geteuid(),
                                                 own ? getegid() : gid, instance->dir, error);
    if (fd < 0)
        return false;
    if (create_qemu_dir(instance, fd, uid, gid, error))
        return true;
    unlinkat(parent_fd, name, AT_REMOVEDIR);
    return false;
}

bool
paths_instance_remove(const PathsInstance *instance, GError **error)
{
    const char *name;
    g_autoptr(GError) local = NULL;
    PATHS_AUTOFD int parent_fd = paths_folder_open_parent(instance->dir, &name, &local);
    if (parent_fd >= 0)
        return paths_tree_remove_at(parent_fd, name, instance->dir, error);
    if (g_error_matches(local, PATHS_ERROR, PATHS_ERROR_MISSING))
        return true;
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

int
paths_instance_open_log(const PathsInstance *instance, GError **error)
{
    PATHS_AUTOFD int dir_fd = paths_folder_open(instance->dir, error);
    if (dir_fd < 0)
        return -1;
    const char *name = strrchr(instance->log, '/') + 1;
    PATHS_AUTOFD int fd = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        return paths_fd_steal(&fd);
    paths_set_errno(error, errno, "Cannot open %s", instance->log);
    return -1;
}

int
paths_instance_listen(const PathsInstance *instance, const char *path, uid_t uid, gid_t gid, GError **error)
{
    size_t length = strlen(instance->dir);
    bool inside = strncmp(path, instance->dir, length) == 0 && path[length] == '/';
    const char *name = inside ? path + length + 1 : "";
    if (*name == '\0' || strchr(name, '/')) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "%s is not a path in %s", path, instance->dir);
        return -1;
    }
    PATHS_AUTOFD int dir_fd = paths_folder_open(instance->dir, error);
    return dir_fd < 0 ? -1 : paths_socket_listen_at(dir_fd, name, 0600, uid, gid, path, error);
}

static int
compare_ids(gconstpointer a, gconstpointer b)
{
    guint64 left = *(const guint64 *)a, right = *(const guint64 *)b;
    return (left > right) - (left < right);
}

GArray *
paths_instance_list(const PathsDirs *dirs, GError **error)
{
    PATHS_AUTOFD int fd = paths_folder_open(dirs->instances, error);
    g_autoptr(GError) local = NULL;
    g_autoptr(GDir) folder = fd < 0 ? NULL : g_dir_open(dirs->instances, 0, &local);
    if (!folder) {
        if (local)
            g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (const char *name; (name = g_dir_read_name(folder));) {
        struct stat info;
        guint64 id;
        if (paths_decimal_parse(name, G_MAXINT64, &id) &&
            fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode))
            g_array_append_val(ids, id);
    }
    g_array_sort(ids, compare_ids);
    return g_steal_pointer(&ids);
}
