/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the node makes of an upgrade that is over, whether it was a job, taken up from its record or resolved.
 */
#pragma once

#include <json-c/json.h>

#include "node/node.h"
#include "upgrade/upgrade.h"

/*
 * Main loop. DOMAIN is the source's, its job lock held: given back here. Writes the history, supervises the survivor, reports the
 * guest's end, or leaves the guest to its operator. Returns the `Result` of io.moult; owned.
 */
json_object *node_outcome_handle(Node *node, Upgrade *upgrade, ObjlistDomain *domain);
