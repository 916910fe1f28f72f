/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of temporary entries that a rename moves in place. Internal to paths/.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* ".NAME.<pid>-<n>.tmp", no two alike in this process; owned. */
char *paths_temporary_name(const char *name);
/* Removes all such entries of the folder PATH. A missing folder is fine. */
bool paths_temporary_sweep(const char *path, GError **error);
