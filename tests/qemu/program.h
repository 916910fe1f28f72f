/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program that a test runs: its standard output and standard error kept in memory, its end waited for with a
 * deadline. It ends with the test program.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    pid_t pid; /* 0 once reaped */
    int pidfd;
    int output_fd, messages_fd;
} Program;

/* ENVIRON: what of the environment is other than ours, "NAME=value", NULL-terminated. READY_FD (or -1) becomes its 3. */
Program *program_start(const char *const *argv, const char *const *environment, int ready_fd, GError **error);
/* Kills and reaps it if it still runs. */
void program_free(Program *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Program, program_free)

/* False when it has not ended in time; RET_STATUS (may be null) as of wait(2). */
bool program_wait(Program *program, unsigned timeout_ms, int *ret_status);
bool program_is_running(const Program *program);
void program_signal(const Program *program, int signal_number);

/* What it has written so far; owned, never NULL. */
char *program_dup_output(const Program *program);
char *program_dup_messages(const Program *program);
