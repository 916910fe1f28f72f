/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folders, by descriptor: opened without following a symlink, checked once they are held, then only worked in by
 * the *at() calls. Internal to paths/.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

/* Descriptor of a folder that belongs to this user or root and nobody else may write to. CLOEXEC; -1 on failure. */
int paths_folder_open(const char *path, GError **error);
/* The same, for NAME below the folder PARENT_FD. */
int paths_folder_open_at(int parent_fd, const char *name, const char *path, GError **error);
/*
 * Descriptor of the folder that PATH (absolute) lies in, for writing an entry of ours there. Symlinks on the way are
 * followed, but the folder itself must be safe: ours or root's, and not writable for others unless sticky. *RET_NAME
 * points to the last component within PATH.
 */
int paths_folder_open_parent(const char *path, const char **ret_name, GError **error);

/* FALSE and UNSAFE when the file (PATH only names it) is not this user's or root's, or others may write to it. */
bool paths_folder_check_owner(const struct stat *info, const char *path, GError **error);

/* Creates PATH with exactly MODE, and with PARENT_MODE what is missing above; an existing one is checked only. */
bool paths_folder_create(const char *path, mode_t mode, mode_t parent_mode, GError **error);
/* Creates NAME below PARENT_FD, owned by UID:GID, with exactly MODE; EXISTS if there is one. Descriptor or -1. */
int paths_folder_create_at(int parent_fd, const char *name, mode_t mode, uid_t uid, gid_t gid, const char *path,
                           GError **error);
