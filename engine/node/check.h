/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "node/node.h"
#include "upgrade/upgrade.h"

/* `CheckResult` of a running guest held by the caller's job; owned. Blocks: worker threads only. */
json_object *node_check_guest(const GuestEnvironment *environment, ObjlistDomain *domain, const UpgradeRequest *request,
                              int cancel_fd);
