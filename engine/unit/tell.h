/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telling a service manager (systemd) that a unit has another main process: sd_notify(3)'s MAINPID=. It listens to
 * processes of that unit alone, so a process goes there to say it: this very program, started with an option of its own.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/launcher.h"

/* The option, with a pid behind '='. */
#define UNIT_TELL_OPTION "tell-main-pid"

/*
 * Tells MANAGER (place.h) that PID is the main process of the unit that BESIDE is in. Returns when it has heard; whether it
 * took it is to be asked (manager.h): it takes it only from a unit with NotifyAccess=all.
 */
bool unit_tell_main_pid(Launcher *launcher, uid_t manager, pid_t beside, pid_t pid, gint64 timeout_ms, GError **error);

/* What the program does that was started so: the exit status. Where to comes from NOTIFY_SOCKET. */
int unit_tell_run(pid_t pid);
