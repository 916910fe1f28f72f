/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Crash points: places where tests/crash kills the engine. They come from the phase table, so that a new step has
 * its own. crash-points.c is compiled in by -Dcrash_points=true; a release has crash-none.c.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    UPGRADE_CRASH_BEFORE, /* its record is written, it has not begun */
    UPGRADE_CRASH_AFTER,
    UPGRADE_CRASH_UNDO,   /* before it is taken back; steps that have an undo */
    UPGRADE_CRASH_UNDONE,
    UPGRADE_CRASH_FROZEN, /* on the way back from UPGRADE_STEP_MIGRATE, while the target is stopped */
    UPGRADE_CRASH_N_MOMENTS
} UpgradeCrashMoment;

/*
 * Ends the engine with SIGKILL when the environment variable MOULT_CRASH_POINT is "STEP:MOMENT", stops it with SIGSTOP when
 * MOULT_CRASH_STOP is, or has it among others, separated by commas.
 */
void upgrade_crash_point(const char *step, UpgradeCrashMoment moment);
/* TRUE when MOULT_CRASH_FAIL is STEP: the driver takes the step for failed once it has run. */
bool upgrade_crash_fails(const char *step);
/* TIMEOUT_MS, or MOULT_CRASH_PATIENCE where that is less: for what is waited for in vain. */
gint64 upgrade_crash_patience_ms(gint64 timeout_ms);
/* Prints every point there is, one a line. FALSE where none is compiled in. */
bool upgrade_crash_list(void);
