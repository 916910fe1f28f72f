/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking up an upgrade from its record, in a worker.
 */
#pragma once

#include <json-c/json.h>

#include "node/node.h"
#include "upgrade/restore.h"

/* RESULT (`Result`, borrowed) of the upgrade; ERROR is why a choice could not be had, NULL when it was or there was none. */
typedef void (*NodeTakeUpFunc)(json_object *result, const GError *error, gpointer user_data);

/*
 * RECORD is taken. SOURCE (may be NULL) is its source's domain, not held by a job. KEEP: what the operator has chosen;
 * RECOVER_N_KEEPS: to be decided by what is seen. FUNC (may be NULL) is called in the main loop when it is over.
 */
void node_take_up(Node *node, UpgradeRecord *record, ObjlistDomain *source, RecoverKeep keep, NodeTakeUpFunc func,
                  gpointer user_data);
