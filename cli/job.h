/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An upgrade job as its starter follows it: progress while it runs, and its cancelling by a signal.
 */
#pragma once

#include "cli/client.h"
#include "cli/error.h"

/*
 * Calls io.moult.Upgrade with PARAMETERS (taken) and follows the job to its last reply, which is returned
 * (owned by the caller; NULL on failure). The first SIGINT or SIGTERM has the engine cancel the job, and the
 * wait goes on for what becomes of it; a second one ends the wait, as an error that says that the job goes
 * on.
 */
json_object *cli_job_upgrade(json_object *parameters, GError **error);

/* io.moult.Cancel on a connection of its own. Its reply, owned by the caller; NULL on failure. */
json_object *cli_job_cancel(gint64 job, GError **error);
/* Says on standard error which guests of Cancel's REPLY were past the point of no return. Returns their
 * number. */
guint cli_job_print_late(json_object *reply);
