/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ends an upgrade's waits early: somebody wants out, or the guest's QEMU has ended, which nobody would notice else while
 * the target is waited for.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * A descriptor that is readable once CANCEL_FD is, or the process of PIDFD has ended (either may be -1); the caller closes it. -1 where
 * there is no descriptor left: then CANCEL_FD has to do.
 */
int upgrade_interrupt_new(int cancel_fd, int pidfd);

/* Whether FD (of upgrade_interrupt_new, or a cancel descriptor, or -1) is readable. */
bool upgrade_interrupt_has_come(int fd);
