/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors about a command line: an operator's words in them may be anything, so that every message is quoted.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/plan.h"

/* Sets ERROR to a message of at most 512 bytes without unprintable characters. Always FALSE. */
bool qemu_argv_fail(GError **error, QemuPlanError code, const char *format, ...) G_GNUC_PRINTF(3, 4);
