/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an engine under test holds: of the kernel, and of the disk. The figures are of moultd and its launcher together,
 * for memory that the two share since the fork must not move from one to the other.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    guint64 descriptors;
    guint64 threads;
    guint64 memory_kib; /* anonymous memory (PSS): what is of files changes with whoever else maps them */
    guint64 files;      /* names below its folders */
} Usage;

/* FOLDERS: NULL-terminated. What cannot be read is left 0. */
void usage_read(pid_t engine, const char *const *folders, Usage *ret_usage);

/* Of each figure the lowest of N samples (1 or more): what is held for a moment only does not show. */
void usage_lowest(const Usage *samples, guint n, Usage *ret_usage);
