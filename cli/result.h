/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the upgrade of one guest ended (io.moult's Result), and what it would do (Plan).
 */
#pragma once

#include <json-c/json.h>

#include "cli/error.h"

CliExit cli_result_get_exit(json_object *result);
/* "web1: 7.2.22 -> 10.0.2 (shared), downtime 4.1 ms, 212 ms in all", or the failure on standard error. */
void cli_result_print(json_object *result);

/* REFUSED when a row of the plan is in the way. */
CliExit cli_plan_get_exit(json_object *plan);
void cli_plan_print(json_object *plan);
