/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small files, written whole or not at all: temporary file in the same folder, write, fsync, rename, fsync of the folder.
 *
 * Writers refuse a folder that belongs to another user or that others may write to (a sticky one such as /tmp is
 * accepted): there somebody else could put another file in place of ours. Temporary files are called
 * ".<name>.<pid>-<n>.tmp"; a crash may leave one, which paths_dirs_sweep removes.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* PATH (absolute) holds DATA, with exactly MODE, or what it held before, however this ends. A symlink is replaced. */
bool paths_file_replace(const char *path, const char *data, size_t size, mode_t mode, GError **error);
/*
 * Reads at most MAX_BYTES of a regular file that is ours or root's and not writable for others (O_NOFOLLOW; UNSAFE
 * otherwise); more is INVALID. NUL-terminated, owned; RET_SIZE may be NULL. MISSING when there is none.
 */
char *paths_file_read(const char *path, size_t max_bytes, size_t *ret_size, GError **error);
/* The last MAX_BYTES of such a file (a log), however long it is. NUL-terminated, owned; it may hold further NULs. */
char *paths_file_read_tail(const char *path, size_t max_bytes, size_t *ret_size, GError **error);
/*
 * Appends one record, which ends in a newline, with O_APPEND in one write, fsynced; created with MODE if need be. A
 * record that fits only in part is taken back; one that a crash has cut short gets its newline, and so stays alone.
 */
bool paths_file_append(const char *path, const char *data, size_t size, mode_t mode, GError **error);
/* Missing is fine. A symlink is removed, not followed. */
bool paths_file_remove(const char *path, GError **error);
