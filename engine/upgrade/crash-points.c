/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MOULT_CRASH_POINT=STEP:MOMENT kills the engine there; MOULT_CRASH_STOP=STEP:MOMENT stops it with SIGSTOP instead, so
 * that a test can kill one of the QEMUs at that very point and let the engine go on.
 */
#include "upgrade/crash.h"

#include <glib.h>
#include <signal.h>
#include <unistd.h>

static const char *const moments[] = {
    [UPGRADE_CRASH_BEFORE] = "before", [UPGRADE_CRASH_AFTER] = "after", [UPGRADE_CRASH_UNDO] = "undo"};

void
upgrade_crash_point(const char *step, UpgradeCrashMoment moment)
{
    g_autofree char *here = g_strconcat(step, ":", moments[moment], NULL);

    if (g_strcmp0(g_getenv("MOULT_CRASH_POINT"), here) == 0)
        kill(getpid(), SIGKILL);
    if (g_strcmp0(g_getenv("MOULT_CRASH_STOP"), here) == 0)
        kill(getpid(), SIGSTOP);
}
