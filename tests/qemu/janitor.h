/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cleans up behind a test program however it ends, SIGKILL included: a process of its own that waits for the end of
 * the test program and then kills what has the mark of its folders, removes them, and gives back what was taken.
 */
#pragma once

#include <stdbool.h>

/* To be called first, while there is one thread. */
bool janitor_start(void);

/* FOLDER, what is mounted below it and all QEMUs that are marked with something below it go at the end, if not before. */
void janitor_watch_folder(const char *folder);

/* The pool of huge pages of 2 MiB was enlarged by N (negative: made smaller) and is put back at the end. */
void janitor_note_hugepages(int n);

/* Unmounts what is mounted below FOLDER, in our mount namespace. */
void janitor_unmount_below(const char *folder);
/* Removes FOLDER with all that is in it, without following links or entering another file system. */
void janitor_remove_folder(const char *folder);
/* Changes the pool by N pages; false when the kernel does not give (or has not given back) all of them. */
bool janitor_change_hugepages(int n);
