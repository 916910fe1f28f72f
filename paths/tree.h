/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removal of a folder with what is in it, where a part of it may belong to a hostile user who is changing it at the
 * same time. Internal to paths/.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Removes the folder NAME below PARENT_FD. A missing one is fine; a symlink or a file is UNSAFE. PATH names it in
 * messages. What keeps root from being sent elsewhere:
 * - nothing is followed: every folder is entered by openat(O_NOFOLLOW), every entry removed by unlinkat;
 * - the folder itself must be ours, and one below it is entered only when it belongs to the owner of the folder it is
 *   in, or is in ours: from a guest's user nothing is removed that this user could not have removed himself, even
 *   when he moves a folder with somebody else's files in;
 * - no other file system is entered;
 * - depth and number of entries are bounded (PATHS_ERROR_UNSAFE past them).
 */
bool paths_tree_remove_at(int parent_fd, const char *name, const char *path, GError **error);
