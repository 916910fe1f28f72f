/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Crash points: places where tests/crash kills the engine. They come from the phase table, so that a new step has
 * its own. crash-points.c is compiled in by -Dcrash_points=true; a release has crash-none.c.
 */
#pragma once

typedef enum { UPGRADE_CRASH_BEFORE, UPGRADE_CRASH_AFTER, UPGRADE_CRASH_UNDO } UpgradeCrashMoment;

/* Ends the engine with SIGKILL when the environment variable MOULT_CRASH_POINT is "STEP:before|after|undo". */
void upgrade_crash_point(const char *step, UpgradeCrashMoment moment);
