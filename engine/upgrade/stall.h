/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the copy of a guest that was stopped for it gets on. The source cannot be asked (QEMU 7.2 answers nothing while it sends
 * the memory of a guest that stands), so the target is looked at from outside: each page that it takes is one more
 * that it has in memory.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "process/identity.h"

typedef struct {
    guint64 resident_bytes; /* of the target, when it last moved */
    gint64 cpu_us;          /* the same */
    gint64 moved_us;        /* monotonic: when that was; 0: not looked at yet */
} UpgradeStall;

/* What TARGET has and has worked by now; FALSE once it has ended. */
bool upgrade_stall_read(const ProcessIdentity *target, guint64 *ret_resident_bytes, gint64 *ret_cpu_us);

/*
 * Takes what was read at NOW_US. TOTAL_BYTES is the guest's memory: a target that has all of it in memory (it may have been told to
 * from the start, -overcommit mem-lock=on) moves as long as it works.
 */
void upgrade_stall_note(UpgradeStall *stall, guint64 resident_bytes, gint64 cpu_us, guint64 total_bytes, gint64 now_us);
/* When it is given up, monotonic. */
gint64 upgrade_stall_get_deadline_us(const UpgradeStall *stall);
