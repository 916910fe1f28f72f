/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a path of a command line is to a guest's QEMU, in its root and mount namespace, and in the working directory that it is started in. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "guest/instance.h"

/*
 * Follows PATH as INSTANCE's QEMU would, symbolic links too, but for those of /proc/PID/fd. Nothing is opened in the sense of open(2): neither a
 * pipe nor a device notices. FALSE, and errno: ENOENT, ENOTDIR where there is no such file; anything else where it cannot be told.
 */
bool guest_stat_there(const GuestInstance *instance, const char *path, struct stat *ret_status);
