/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MOULT_CRASH_POINT kills the engine at a point; MOULT_CRASH_STOP stops it there, so that a test can kill one of the QEMUs at
 * that very moment and let the engine go on; MOULT_CRASH_FAIL makes a step fail, so that there is a way back to walk;
 * MOULT_CRASH_PATIENCE is for tests in which something is waited for that never comes.
 */
#include "upgrade/crash.h"

#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "upgrade/phase.h"

static const char *const moments[] = {
    [UPGRADE_CRASH_BEFORE] = "before", [UPGRADE_CRASH_AFTER] = "after",   [UPGRADE_CRASH_UNDO] = "undo",
    [UPGRADE_CRASH_UNDONE] = "undone", [UPGRADE_CRASH_FROZEN] = "frozen",
};

static bool
is_to_stop(const char *here)
{
    const char *value = g_getenv("MOULT_CRASH_STOP");
    g_auto(GStrv) points = g_strsplit(value ? value : "", ",", -1);

    return g_strv_contains((const char *const *)points, here);
}

void
upgrade_crash_point(const char *step, UpgradeCrashMoment moment)
{
    g_autofree char *here = g_strconcat(step, ":", moments[moment], NULL);

    if (g_strcmp0(g_getenv("MOULT_CRASH_POINT"), here) == 0)
        kill(getpid(), SIGKILL);
    /* To this thread: sent to the process, the signal would stop another one first, and this one go on a little. */
    if (is_to_stop(here))
        raise(SIGSTOP);
}

bool
upgrade_crash_fails(const char *step)
{
    return g_strcmp0(g_getenv("MOULT_CRASH_FAIL"), step) == 0;
}

gint64
upgrade_crash_patience_ms(gint64 timeout_ms)
{
    const char *value = g_getenv("MOULT_CRASH_PATIENCE");

    return value ? MIN(timeout_ms, g_ascii_strtoll(value, NULL, 10)) : timeout_ms;
}

static bool
has_moment(const UpgradeStep *step, UpgradeCrashMoment moment)
{
    switch (moment) {
    case UPGRADE_CRASH_BEFORE:
    case UPGRADE_CRASH_AFTER:
        return true;
    case UPGRADE_CRASH_UNDO:
    case UPGRADE_CRASH_UNDONE:
        return step->undo != NULL;
    case UPGRADE_CRASH_FROZEN:
        return g_str_equal(step->name, UPGRADE_STEP_MIGRATE);
    case UPGRADE_CRASH_N_MOMENTS:
        break;
    }
    g_assert_not_reached();
}

bool
upgrade_crash_list(void)
{
    for (int i = 0; upgrade_steps[i].name; i++)
        for (int moment = 0; moment < UPGRADE_CRASH_N_MOMENTS; moment++)
            if (has_moment(&upgrade_steps[i], (UpgradeCrashMoment)moment))
                printf("%s:%s\n", upgrade_steps[i].name, moments[moment]);
    return true;
}
