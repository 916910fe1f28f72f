/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every deadline of an upgrade, in one table; docs/timeouts.rst repeats it for people. The operator's --timeout bounds all
 * of them together up to the point of no return; behind it there is no giving up, only these.
 */
#pragma once

#include <glib.h>

#define UPGRADE_TIMEOUT_DEFAULT_MS 120000  /* the whole, when the operator names none */
#define UPGRADE_TIMEOUT_COMMAND_MS 10000   /* one QMP command that does no work */
#define UPGRADE_TIMEOUT_START_MS 30000     /* a new QEMU, from execve to its greeting */
#define UPGRADE_TIMEOUT_RUN_MS 10000       /* a target that has the whole state, until it runs */
#define UPGRADE_TIMEOUT_KILL_MS 10000      /* from SIGKILL until a process is reaped */
#define UPGRADE_TIMEOUT_RESUME_MS 30000    /* a source after a roll back, until it runs again (disk locks come back) */
#define UPGRADE_TIMEOUT_OBSERVE_MS 3000    /* one question to a QEMU whose state is in doubt */
#define UPGRADE_TIMEOUT_QUIET_MS 200       /* between two questions where no event may come */
#define UPGRADE_TIMEOUT_END_MS 1000        /* from a closed monitor until its process is known to have ended */
#define UPGRADE_TIMEOUT_FREEZE_MS 2000     /* from SIGSTOP until every thread of a target stands */
#define UPGRADE_TIMEOUT_SETTLE_MS 60000    /* an action on the way out of trouble is not begun after this */

/* Copied memory, when the operator names no timeout: what the default above is lengthened by, 64 MiB a second. */
#define UPGRADE_TIMEOUT_COPY_BYTES_PER_MS (G_GUINT64_CONSTANT(64) * 1048576 / 1000)
/* How often the progress of a copy is asked for. QEMU has no event for it. */
#define UPGRADE_PROGRESS_INTERVAL_MS 250
