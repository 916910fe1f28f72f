/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting to UNIX stream sockets, however long their path is. */
#pragma once

#include <glib.h>

/*
 * A connected descriptor, non-blocking and CLOEXEC, owned by the caller; -1 on failure. Never blocks. Error
 * codes are QMP_STREAM_ERROR's: FULL where the listener's backlog is full (a QEMU monitor that has a client
 * takes two more into its backlog and answers neither), CLOSED for everything else (no such file, nobody
 * listens, no permission).
 */
int qmp_socket_connect(const char *path, GError **error);
