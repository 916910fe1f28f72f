/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU writes: the file of its log (-D), which goes from one to the next, and its last words, which say why it ended.
 *
 * A QEMU empties its log when it opens it. So a successor is given no -D but the open file of the old one as its standard error,
 * where a QEMU without -D logs. Its error messages are then in that file, too, as those of a daemonized QEMU always are.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "guest/instance.h"
#include "paths/instance.h"

/* The file, as the engine and as the QEMU itself finds it under its name: two where they have not one root. */
typedef struct {
    struct stat files[2];
    guint n_files;
} GuestLogFile;

/* The file that the definition of INSTANCE, a running one, names. None: there is no -D, or no such file (any more). */
void guest_log_find(const GuestInstance *instance, GuestLogFile *ret_file);
/* Whether STATUS, of an open descriptor, is that file. */
bool guest_log_is(const GuestLogFile *file, const struct stat *status);

/* INSTANCE is about to be started with STDERR_FD as its standard error, which others have written to: its words begin here. */
void guest_log_begin(GuestInstance *instance, int stderr_fd);
/*
 * The last lines that INSTANCE, which has PATHS, has written to its standard error, quoted and cut; "" when there are none, or when they are in a log
 * that an earlier engine has handed over. Owned.
 */
char *guest_log_dup_last_words(const GuestInstance *instance, const PathsInstance *paths);
