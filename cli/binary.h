/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which program a name means to the operator: the engine runs in another folder and with another PATH.
 */
#pragma once

#include <glib.h>

/*
 * The absolute path of the program NAME by the rules of execvp(3): with a slash in it, relative to the
 * current folder; otherwise looked for in PATH. Symbolic links are not resolved: the path is where a later
 * QEMU will be looked for. CLI_ERROR USAGE where there is none. Owned by the caller.
 */
char *cli_binary_find(const char *name, GError **error);
