/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast this node copies memory from one process to another right now.
 */
#pragma once

#include <glib.h>

/*
 * Bytes a second of a copy like QEMU's: out of memory that was touched, through a UNIX socket, into new pages of a
 * shared file, by two threads; measured, within half a second (50 ms on a node with nothing else to do). The load of
 * the node is part of the
 * answer. 0 when it could not be measured.
 */
guint64 upgrade_copy_rate_measure(void);
