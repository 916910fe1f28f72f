/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The paths of one instance, all keyed by its domain id, and the stable alias RUN/guests/<name>.
 *
 * A guest may run as another user than the engine, and this user, whose QEMU may have been taken over by its guest,
 * counts as hostile. So the engine keeps what it acts on for itself:
 *
 *   RUN/instances/<id>/      the engine's; 0710 with the guest's group (0700 when the guest runs as the engine's own
 *                            user): its user can pass through, and neither add nor rename nor remove anything
 *     config.json            the engine's, 0600: the record cannot be replaced by the guest's user
 *     qemu.log               the engine's, 0600; opened by the engine, QEMU inherits the descriptor
 *     monitor.sock           created, bound and listened on by the engine, QEMU inherits the descriptor (it needs no
 *     operator.sock          right to the path); given to whoever is to connect
 *     qemu/                  the guest's user's, 0700: the one place where QEMU may create something by path
 *       migrate.sock         bound by the target's `migrate-incoming unix:PATH`, connected to by the source
 *   <hugetlbfs>/moult/<id>/  like the instance's folder; its files are created by the engine and given to the user
 *
 * The engine never opens, reads or changes the owner of anything in qemu/: it only ever unlinks there (see tree.h
 * for how). Two limits remain, both because QEMU binds by path: a RUN so long that migrate_socket has more than 107
 * bytes cannot be migrated through it, and a user may fill RUN's file system from qemu/. A connected socket pair,
 * passed with `getfd` and named `fd:NAME` on both sides, has neither (works with x-ignore-shared and return-path on
 * 7.2 and 10.0, in either direction: measured).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "paths/dirs.h"
#include "paths/hugetlbfs.h"

typedef struct {
    guint64 domain_id;
    char *dir;             /* RUN/instances/<id> */
    char *monitor_socket;  /* dir/monitor.sock */
    char *operator_socket; /* dir/operator.sock */
    char *qemu_dir;        /* dir/qemu */
    char *migrate_socket;  /* dir/qemu/migrate.sock */
    char *config;          /* dir/config.json */
    char *log;             /* dir/qemu.log */
} PathsInstance;

PathsInstance *paths_instance_new(const PathsDirs *dirs, guint64 domain_id);
PathsInstance *paths_instance_copy(const PathsInstance *instance);
void paths_instance_free(PathsInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PathsInstance, paths_instance_free)

/* Creates dir and dir/qemu, as above, for a guest that runs as UID:GID; EXISTS when dir exists already. */
bool paths_instance_create(const PathsInstance *instance, uid_t uid, gid_t gid, GError **error);
/* Removes the folder with all that is in it; never follows a symlink, never leaves the folder. Missing is fine. */
bool paths_instance_remove(const PathsInstance *instance, GError **error);
/* Opens dir/qemu.log for appending, 0600, created if need be; CLOEXEC; -1 on failure. */
int paths_instance_open_log(const PathsInstance *instance, GError **error);
/*
 * A listening UNIX socket at PATH (directly in dir; any length, through the folder's descriptor), 0600, owned by
 * UID:GID: who may connect, so the engine's own for the monitor, the guest's user for the operator's. Blocking,
 * CLOEXEC; -1 on failure, EXISTS when there is one.
 */
int paths_instance_listen(const PathsInstance *instance, const char *path, uid_t uid, gid_t gid, GError **error);

/* Domain ids that have a folder below RUN/instances. GArray of guint64, sorted; owned. MISSING without RUN. */
GArray *paths_instance_list(const PathsDirs *dirs, GError **error);

/*
 * RUN/guests/<name> -> ../instances/<id>, by symlink and rename: never absent once it has been there. The name is
 * checked (INVALID).
 */
bool paths_alias_set(const PathsDirs *dirs, const char *name, guint64 domain_id, GError **error);
/* Missing is fine. */
bool paths_alias_remove(const PathsDirs *dirs, const char *name, GError **error);
/* Domain id the alias points to; FALSE when there is none. */
bool paths_alias_get(const PathsDirs *dirs, const char *name, guint64 *ret_domain_id);
