/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QEMUs of one engine under test, found by the mark that every QEMU of an engine has in its environment
 * (guest/spawn.h): no bookkeeping of the engine's or of ours is trusted for it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    pid_t pid;
    int pidfd;
    char *instance; /* the folder that the mark names */
} Process;

/* All living processes (no zombies) whose mark is below FOLDER. Elements are Process, owned by the array. */
GPtrArray *processes_find(const char *folder);

/* One of an instance's, other than PID; 0 when there is none. */
pid_t processes_find_beside(const char *folder, pid_t pid);

/* Waits until there are none; false when some live after TIMEOUT_MS. */
bool processes_await_none(const char *folder, unsigned timeout_ms);

/* Waits for the end of PID, which need not be our child. */
bool processes_await_end(pid_t pid, unsigned timeout_ms);

/* Kills them, engines and commands of FOLDER, and what they start meanwhile; false, with the pids on stderr, when some live after TIMEOUT_MS. */
bool processes_kill(const char *folder, unsigned timeout_ms);

/* Children of PARENT that have ended and were not reaped. */
unsigned processes_count_zombies(pid_t parent);

/* Open descriptors of PID. */
unsigned processes_count_fds(pid_t pid);
