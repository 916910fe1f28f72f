/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every deadline of an upgrade, in one table; docs/timeouts.rst repeats it for people. The operator's --timeout bounds all
 * of them together up to the point of no return; behind it there is no giving up, only these.
 *
 * From STOP on the guest stands still: what is waited for then is RUN (or, where its memory is copied meanwhile, STALL) and GLANCE,
 * and the sum of both is what a target that hangs costs the guest.
 */
#pragma once

#include <glib.h>

#define UPGRADE_TIMEOUT_DEFAULT_MS 120000  /* the whole, when the operator names none */
#define UPGRADE_TIMEOUT_COMMAND_MS 10000   /* one QMP command that does no work */
#define UPGRADE_TIMEOUT_START_MS 30000     /* a new QEMU, from execve to its greeting */
#define UPGRADE_TIMEOUT_RUN_MS 5000        /* from the source's STOP until it has handed over; then until the target runs */
#define UPGRADE_TIMEOUT_STALL_MS 5000      /* the copy of a guest that stands: since the new QEMU has last taken some of it */
#define UPGRADE_TIMEOUT_KILL_MS 10000      /* from SIGKILL until a process is reaped */
#define UPGRADE_TIMEOUT_TERMINATE_MS 5000  /* from SIGTERM until a QEMU that ends with its guest is killed */
#define UPGRADE_TIMEOUT_RESUME_MS 10000    /* a source after a roll back, until it has its disks and runs again */
#define UPGRADE_TIMEOUT_OBSERVE_MS 3000    /* one question to a QEMU whose state is in doubt */
#define UPGRADE_TIMEOUT_GLANCE_MS 1000     /* the same while the guest is known to stand still */
#define UPGRADE_TIMEOUT_ARRIVE_MS 30000    /* a target whose source is gone and that is loading, until it runs or ends */
#define UPGRADE_TIMEOUT_QUIET_MS 200       /* between two questions where no event may come */
#define UPGRADE_TIMEOUT_AGAIN_MS 2         /* between two questions to a source that is about to have handed over */
#define UPGRADE_TIMEOUT_RETRY_MS 100       /* between two attempts to take the disks back; no lock announces its end */
#define UPGRADE_TIMEOUT_END_MS 1000        /* from a closed monitor until its process is known to have ended */
#define UPGRADE_TIMEOUT_FREEZE_MS 2000     /* from SIGSTOP until every thread of a target stands */
#define UPGRADE_TIMEOUT_SETTLE_MS 60000    /* an action on the way out of trouble is not begun after this */

/* Copied memory, when the operator names no timeout: what the default above is lengthened by, 64 MiB a second. */
#define UPGRADE_TIMEOUT_COPY_BYTES_PER_MS (G_GUINT64_CONSTANT(64) * 1048576 / 1000)
/* How often the progress of a copy is asked for. QEMU has no event for it. */
#define UPGRADE_PROGRESS_INTERVAL_MS 250
