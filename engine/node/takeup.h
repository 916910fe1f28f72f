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

typedef enum {
    NODE_TAKE_UP_DECIDE, /* by what is seen */
    NODE_TAKE_UP_KEEP_SOURCE, NODE_TAKE_UP_KEEP_TARGET, /* as the operator has chosen */
    NODE_TAKE_UP_END /* both QEMUs */
} NodeTakeUp;

/*
 * RECORD is taken. SOURCE (may be NULL) is its source's domain, not held by a job. FUNC (may be NULL) is called in the main loop
 * when it is over.
 */
void node_take_up(Node *node, UpgradeRecord *record, ObjlistDomain *source, NodeTakeUp what, NodeTakeUpFunc func,
                  gpointer user_data);
