/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * This very program in another role, started by the launcher with an option of its own: for the few things that neither the
 * engine may do (confinement.h) nor the launcher should.
 */
#pragma once

#include "process/launcher.h"

/*
 * Runs it to its end, at most TIMEOUT_MS; it does not outlive the engine. REQUEST: arguments, environment, descriptors and
 * attributes; its binary is set here. FALSE with ERROR when it could not be started, did not end in time (it is then killed), or
 * ended with anything but 0: WHAT could not be done.
 */
bool launcher_run_self(Launcher *launcher, LauncherRequest request, const char *what, gint64 timeout_ms, GError **error);
