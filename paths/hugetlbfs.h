/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hugepage files on a hugetlbfs mount, <mount>/moult/<id>/, and hard links, so that each instance has its own path to
 * one inode. The folders are the engine's (see instance.h); the files are given to the guest's user, so QEMU, which
 * opens them by path, can neither add one nor exchange one that the engine is about to link.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * First hugetlbfs mount of this mount namespace whose page size is PAGE_SIZE_BYTES; owned. MISSING when there is
 * none.
 */
char *paths_find_hugetlbfs(guint64 page_size_bytes, GError **error);
/* <mount>/moult/<id>; owned. */
char *paths_hugetlbfs_dir(const char *mount, guint64 domain_id);
/* Whether it is there: another engine's, or left by one whose state was lost. */
bool paths_hugetlbfs_exists(const char *mount, guint64 domain_id);
/* Creates it, the engine's own, passable for GID (0710; 0700 when UID is the engine's user). EXISTS if there is one. */
bool paths_hugetlbfs_create(const char *mount, guint64 domain_id, uid_t uid, gid_t gid, GError **error);
/*
 * Creates the file PATH of SIZE_BYTES (a multiple of the page size), directly in a folder of paths_hugetlbfs_dir,
 * 0600, owned by UID:GID. No page is allocated yet. Its descriptor (CLOEXEC); -1 and nothing left on failure, EXISTS
 * when there is one.
 */
int paths_hugetlbfs_create_file(const char *path, guint64 size_bytes, uid_t uid, gid_t gid, GError **error);
/* Removes DIR (of paths_hugetlbfs_dir) and what is in it; <mount>/moult stays. Missing is fine. */
bool paths_hugetlbfs_remove(const char *dir, GError **error);
/*
 * Hard link, so that each instance has its own path to one inode: PATH is the regular file that EXISTING was when it
 * was looked at, whatever its name stands for by then. EXISTS when there is a PATH.
 */
bool paths_link_file(const char *existing, const char *path, GError **error);
