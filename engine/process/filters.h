/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System call filters (seccomp) of a process. They cannot be read, and so not be given to another one.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* How many it has; before Linux 5.9 "one" stands for any number. FALSE when that cannot be read. */
bool process_filters_count(pid_t pid, unsigned *ret_n);
