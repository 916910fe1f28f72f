/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the kernel's files whole, with a bound. Their size is not known beforehand (st_size is 0).
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/*
 * The content of PATH, NUL-terminated (it may hold NULs of its own), owned. RET_SIZE (may be NULL) without
 * the terminator. More than MAX_BYTES is PROCESS_ERROR_FAILED.
 */
char *process_read_file(const char *path, size_t max_bytes, size_t *ret_size, GError **error);
/* The same of /proc/PID/NAME. */
char *process_read_proc(pid_t pid, const char *name, size_t max_bytes, size_t *ret_size, GError **error);
