/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SIGINT and SIGTERM as a descriptor, for waits that should end when the operator has had enough.
 */
#pragma once

#include <glib.h>

/*
 * A descriptor that becomes readable with either signal, for QmpWait's cancel_fd; the signals no longer end
 * the process. -1 on failure, when they do as before. Stays open for the life of the process.
 */
int cli_signals_open(void);
/* The signal that has come, which is taken; 0 when none has. */
int cli_signals_take(int fd);
