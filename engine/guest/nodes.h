/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The block nodes of a running QEMU. */
#pragma once

#include <json-c/json.h>

#include "guest/instance.h"
#include "qmp/wait.h"

/* What "query-named-block-nodes" answers, an array; NULL: nothing of use. That a monitor does not answer is a finding of others. Owned. */
json_object *guest_nodes_query(const GuestInstance *source, const QmpWait *wait);
