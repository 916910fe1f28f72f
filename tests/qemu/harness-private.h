/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the harness know of each other. */
#pragma once

#include "files.h"
#include "harness.h"

/* Kernel and initramfs of FLAVOUR, looked for once; borrowed. NULL: see files.h. */
const Files *harness_find_files(const char *flavour, GError **error);

/* What `moult` and moultd are given, "NAME=value"; owned. */
char **harness_environment(const HarnessEngine *engine);
void harness_engine_free(HarnessEngine *engine);

/* Ends it, when it still runs, by force. */
void harness_guest_finish(HarnessGuest *guest);
void harness_guest_free(gpointer guest);
char *harness_guest_dup_serial_path(const HarnessGuest *guest);
