/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pseudo terminals of a guest, and their clients. Conversations are those of talk.h. Include after
 * <cmocka.h>.
 */
#pragma once

#include "harness.h"

/* Numbers that no other test takes: those of a devpts of this process's own. Only for root; before there is a guest. */
void terminal_have_own_numbers(void);
/* What QEMU says that its chardev LABEL is: "/dev/pts/7"; "" for none. Owned. */
char *terminal_dup_name(HarnessGuest *guest, const char *label);
/* A client, which leaves the line as QEMU has set it. */
int terminal_open(const char *name);
/* It is hung up, or soon is. */
void terminal_await_end(int fd);
/* Terminals of the test's own, until N of them have numbers below that of NAME; -1 behind the last. Owned. */
int *terminal_fill_below(const char *name);
void terminal_close_all(int *fds);
