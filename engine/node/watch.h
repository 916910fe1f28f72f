/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subscribing to a node's events from outside of this folder.
 */
#pragma once

#include "node/events.h"
#include "node/node.h"

/* See node_events_subscribe. */
guint node_watch(Node *node, const char *guest, NodeEventFunc func, gpointer user_data);
void node_unwatch(Node *node, guint id);
