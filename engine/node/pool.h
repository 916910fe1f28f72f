/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads for what blocks. The first is there from the start and stays: where no other can be had (the pids of a control
 * group, of a user or of the host are used up), what is pushed is done all the same, one after the other.
 *
 * GLib's pool has no such promise: a push that cannot start a thread leaves its work in the queue of nobody.
 */
#pragma once

#include <glib.h>

typedef struct NodePool NodePool;

/* Starts the first thread; an error when there is none to be had. */
NodePool *node_pool_new(guint max_threads, GError **error);
/* What is under way goes on, and what waits is done; nothing may be pushed any more. NULL is fine. */
void node_pool_free(NodePool *pool);
/* FUNC in a thread, once a thread is free. Any thread. */
void node_pool_push(NodePool *pool, void (*func)(gpointer data), gpointer data);
