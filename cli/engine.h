/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine of this user's runtime folder: finds it, and starts it when nobody else has.
 */
#pragma once

#include <glib.h>

#include "cli/client.h"

/*
 * Connected to the engine; CLI_ERROR UNREACHABLE on failure. An engine that is not there is started, from
 * $MOULT_MOULTD, or from beside this program, or from where it is installed. Two commands that do so at once
 * end up at one engine. Bounded by 30 seconds.
 */
CliClient *cli_engine_connect(GError **error);
