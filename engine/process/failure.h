/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From errno to PROCESS_ERROR, for the files of this folder.
 */
#pragma once

#include <glib.h>

#include "process/identity.h"

/*
 * Sets ERROR from ERRNUM: ESRCH and ENOENT mean GONE, EPERM and EACCES mean FORBIDDEN, the rest FAILED. The
 * message is FORMAT followed by ": " and the system's words.
 */
void process_set_error_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);
