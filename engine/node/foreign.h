/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `moult list --all`: the QEMUs of this node that are not ours, beside our guests.
 */
#pragma once

#include <json-c/json.h>

#include "node/node.h"

/* GUESTS: array of `Guest`, ours first; borrowed. NULL with ERROR. */
typedef void (*NodeForeignFunc)(json_object *guests, const GError *error, gpointer user_data);
/* With ONLY_OUTDATED no others. FUNC is called in the main loop, once. */
void node_foreign_list(Node *node, bool only_outdated, NodeForeignFunc func, gpointer user_data);
