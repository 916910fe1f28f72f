/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small files, written whole or not at all: temporary file in the same folder, write, fsync, rename, fsync of the folder.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

bool paths_file_replace(const char *path, const char *data, size_t size, mode_t mode, GError **error);
/* Reads at most MAX_BYTES of a regular file that is ours (O_NOFOLLOW); more is an error. NUL-terminated, owned. */
char *paths_file_read(const char *path, size_t max_bytes, size_t *ret_size, GError **error);
/* Appends one record with O_APPEND in one write, fsynced. */
bool paths_file_append(const char *path, const char *data, size_t size, mode_t mode, GError **error);
bool paths_file_remove(const char *path, GError **error);
