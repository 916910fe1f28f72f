/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Something that blocks, in a thread of its own; its end comes back to the main loop.
 */
#pragma once

#include "node/node.h"

/* RUN in a thread, then DONE in the main loop. At most NODE_WORKERS_MAX run at once; more wait their turn. */
void node_worker_start(Node *node, void (*run)(gpointer data), void (*done)(gpointer data), gpointer data);
#define NODE_WORKERS_MAX 64

/* From a worker: FUNC in the main loop, whether that runs at the moment or not, in the order of the calls. */
void node_worker_tell(GSourceFunc func, gpointer data);
