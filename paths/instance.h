/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The paths of one instance, all keyed by its domain id, and the stable alias RUN/guests/<name>.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "paths/dirs.h"

typedef struct {
    guint64 domain_id;
    char *dir;             /* RUN/instances/<id> */
    char *monitor_socket;  /* dir/monitor.sock */
    char *operator_socket; /* dir/operator.sock */
    char *migrate_socket;  /* dir/migrate.sock */
    char *config;          /* dir/config.json */
    char *log;             /* dir/qemu.log */
} PathsInstance;

PathsInstance *paths_instance_new(const PathsDirs *dirs, guint64 domain_id);
PathsInstance *paths_instance_copy(const PathsInstance *instance);
void paths_instance_free(PathsInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PathsInstance, paths_instance_free)

/* mkdir 0700 owned by UID:GID; fails when it exists already. */
bool paths_instance_create(const PathsInstance *instance, uid_t uid, gid_t gid, GError **error);
/* Removes the known files and the folder; never follows a symlink, never leaves the folder. Missing is fine. */
bool paths_instance_remove(const PathsInstance *instance, GError **error);
/* Opens dir/qemu.log for appending, 0600, created if need be; CLOEXEC; -1 on failure. */
int paths_instance_open_log(const PathsInstance *instance, GError **error);
/* A listening UNIX socket at PATH (inside dir; any length, through the folder's descriptor), 0600, owned by UID:GID. */
int paths_instance_listen(const PathsInstance *instance, const char *path, uid_t uid, gid_t gid, GError **error);

/* Domain ids that have a folder below RUN/instances. GArray of guint64, sorted; owned. */
GArray *paths_instance_list(const PathsDirs *dirs, GError **error);

/* RUN/guests/<name> -> ../instances/<id>, by symlink and rename: never absent once it has been there. */
bool paths_alias_set(const PathsDirs *dirs, const char *name, guint64 domain_id, GError **error);
bool paths_alias_remove(const PathsDirs *dirs, const char *name, GError **error);
/* Domain id the alias points to; FALSE when there is none. */
bool paths_alias_get(const PathsDirs *dirs, const char *name, guint64 *ret_domain_id);

/* Hugepages: first hugetlbfs mount whose page size is PAGE_SIZE_BYTES; owned; NULL and an error otherwise. */
char *paths_find_hugetlbfs(guint64 page_size_bytes, GError **error);
/* <mount>/moult/<id>; created 0700 for UID:GID by _create. */
char *paths_hugetlbfs_dir(const char *mount, guint64 domain_id);
bool paths_hugetlbfs_create(const char *mount, guint64 domain_id, uid_t uid, gid_t gid, GError **error);
bool paths_hugetlbfs_remove(const char *dir, GError **error);
/* Hard link, so that each instance has its own path to one inode. */
bool paths_link_file(const char *existing, const char *path, GError **error);
