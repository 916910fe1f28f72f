/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a process is a QEMU, and which: from what it executes, without asking it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "guest/instance.h"

/*
 * TRUE when PID executes a QEMU that runs a system: BINARY (zeroed) is then the file it was started from, with its version
 * ("" when the file does not tell). A file that was replaced meanwhile is described as it was. RET_SKIP_WORDS: how many
 * words of its command line come before QEMU's own arguments (more than one where a loader runs it).
 */
bool guest_program_look(pid_t pid, const char *const *command_line, GuestBinary *binary, guint *ret_skip_words);
void guest_binary_clear(GuestBinary *binary);

/* The version that the program file open as FD says it is ("7.2.22", "Debian 1:7.2+dfsg-7"); FALSE: it does not. */
bool guest_program_read_version(int fd, char **ret_version, char **ret_package);
