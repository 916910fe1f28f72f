/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which file is at a path, to be asked later whether it still is.
 *
 * Modification times alone do not tell: distributions set them to the date of the changelog. The change time
 * cannot be set, so it is part of the stamp.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

typedef struct {
    char *path; /* absolute; what it resolves to is meant */
    dev_t device;
    ino_t inode;
    guint64 size_bytes;
    gint64 mtime_ns, ctime_ns;
} QemuFileStamp;

void qemu_file_stamp_free(QemuFileStamp *stamp);
QemuFileStamp *qemu_file_stamp_new(const char *path, const struct stat *info);
/* GPtrArray of QemuFileStamp with its free function. */
GPtrArray *qemu_file_stamps_new(void);
bool qemu_file_stamp_equal(const QemuFileStamp *a, const QemuFileStamp *b);
/* TRUE when all files are what they were. */
bool qemu_file_stamps_hold(const GPtrArray *stamps);
/*
 * Adds the files that PID executes code of: program, loader, libraries, modules. FALSE when one of them is
 * not at its path any more.
 */
bool qemu_file_stamps_add_executed(GPtrArray *stamps, pid_t pid);
