/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From errno to PATHS_ERROR. Internal to paths/.
 */
#pragma once

#include "paths/dirs.h"

/* Sets ERROR to the code that fits ERROR_NUMBER, with the formatted text, ": " and the system's words for it. */
void paths_set_errno(GError **error, int error_number, const char *format, ...) G_GNUC_PRINTF(3, 4);
