/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starts moultd in the background, and waits until it says how that went.
 */
#pragma once

#include <glib.h>

#include "paths/dirs.h"
#include "qmp/wait.h"

typedef enum {
    CLI_SPAWN_READY,  /* it listens */
    CLI_SPAWN_LOCKED, /* it has left again: another engine holds the lock */
    CLI_SPAWN_FAILED  /* error is set */
} CliSpawnResult;

/*
 * Runs `moultd --timeout 30 --ready-fd N`, detached from this process and its terminal, its standard error
 * appended to RUN/moultd.log. On N it writes one byte, "R" once it listens or "L" when another engine holds
 * the lock; its end without either is its failure, and the log says why. CLI_ERROR UNREACHABLE.
 */
CliSpawnResult cli_spawn_engine(const PathsDirs *dirs, const QmpWait *wait, GError **error);
