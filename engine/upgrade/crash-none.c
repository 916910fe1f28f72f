/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/crash.h"

void
upgrade_crash_point(const char *step, UpgradeCrashMoment moment)
{
    (void)step;
    (void)moment;
}

bool
upgrade_crash_fails(const char *step)
{
    (void)step;
    return false;
}

gint64
upgrade_crash_patience_ms(gint64 timeout_ms)
{
    return timeout_ms;
}

bool
upgrade_crash_list(void)
{
    return false;
}
