/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding the guests again when the engine starts.
 */
#pragma once

#include "node/node.h"

/* In this order: definitions, instances, upgrades that were cut off, supervision. Main loop not yet running. */
bool node_startup(Node *node, GError **error);
