/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/stall.h"

#include "process/proc.h"
#include "upgrade/timeouts.h"

/* An idle QEMU has timers, too. */
#define WORK_US (100 * 1000)

bool
upgrade_stall_read(const ProcessIdentity *target, guint64 *ret_resident_bytes, gint64 *ret_cpu_us)
{
    return process_proc_get_resident(target->pid, ret_resident_bytes, NULL) &&
           process_proc_get_cpu_time(target->pid, ret_cpu_us, NULL);
}

void
upgrade_stall_note(UpgradeStall *stall, guint64 resident_bytes, gint64 cpu_us, guint64 total_bytes, gint64 now_us)
{
    bool is_full = resident_bytes >= total_bytes;
    bool has_worked = cpu_us >= stall->cpu_us + WORK_US;

    if (stall->moved_us != 0 && resident_bytes == stall->resident_bytes && !(is_full && has_worked))
        return;
    *stall = (UpgradeStall){.resident_bytes = resident_bytes, .cpu_us = cpu_us, .moved_us = now_us};
}

gint64
upgrade_stall_get_deadline_us(const UpgradeStall *stall)
{
    return stall->moved_us + UPGRADE_TIMEOUT_STALL_MS * G_GINT64_CONSTANT(1000);
}
