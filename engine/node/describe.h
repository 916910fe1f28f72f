/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests as io.moult shows them.
 */
#pragma once

#include <json-c/json.h>

#include "node/node.h"

/* `Guest`; owned. */
json_object *node_describe_guest(ObjlistDomain *domain);
/* `GuestDetails`; owned. */
json_object *node_describe_details(Node *node, ObjlistDomain *domain);
/* Array of `Guest`: with ALL the shut-off ones too, with ONLY_OUTDATED no others; owned. */
json_object *node_describe_all(Node *node, bool all, bool only_outdated);
