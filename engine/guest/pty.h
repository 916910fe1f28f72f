/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pseudo terminals as the kernel has them: which one a master is of, who may open it, and how the next one
 * gets a wanted number. A devpts gives out the lowest number that is free (devpts_new_index), and a number is
 * free when both ends are closed: of a terminal whose master has gone, whoever has the other end open keeps
 * the number.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "qemu/holding.h"

/* STATUS is of a master: /dev/ptmx, or that of a devpts. */
bool guest_pty_is_master(const struct stat *status);

/* What MASTER is a terminal of. Its other end is looked at by its name in the kernel, and is not opened: QEMU
 * would see a client. */
bool guest_pty_look(int master, QemuTerminal *ret_terminal);

/* Gives the other end of MASTER TERMINAL's owner and access rights, where they are others. FALSE: errno. */
bool guest_pty_set_access(int master, const QemuTerminal *terminal);

/* /dev/ptmx as process PID sees it, not opened yet (O_PATH), proved to be one; -1. */
int guest_pty_find_ptmx(pid_t pid);

typedef enum {
    GUEST_PTY_NEXT,  /* whoever opens a terminal now gets it */
    GUEST_PTY_HELD,  /* somebody has it */
    GUEST_PTY_FAILED /* terminals cannot be opened here, or are another devpts's */
} GuestPtyTurn;

/*
 * Opens terminals of PTMX's devpts (-1: FAILED) until TERMINAL's number is the lowest that is free; they are
 * its as long as FDS (of guest_pty_fds_new) keeps them open.
 */
GuestPtyTurn guest_pty_reach(int ptmx, const QemuTerminal *terminal, GArray *fds);
/* Of int, which are closed with it. */
GArray *guest_pty_fds_new(void);
