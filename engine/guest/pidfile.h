/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operator's -pidfile, which the engine keeps in QEMU's place: QEMU locks its own, so that the target of an upgrade
 * would not start. Its folder must belong to the engine's user (paths/file.h).
 */
#pragma once

#include <stdbool.h>

#include "guest/instance.h"

/* PID into the file PATH, whole or not at all; TRUE when PATH is NULL. */
bool guest_pidfile_write(const char *path, pid_t pid, GError **error);
/* Removes the file, unless it names another process than INSTANCE's: then it is somebody else's by now. */
bool guest_pidfile_remove(const GuestInstance *instance, GError **error);
