/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's one object: tables, supervision, jobs, history, subscribers. All of it belongs to the main loop;
 * what blocks runs in worker threads (worker.h), which touch nothing here but the environment.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/environment.h"
#include "guest/instance.h"
#include "objlist/tables.h"

typedef struct Node Node;

/*
 * Takes the lock of the runtime directory (an error when another engine has it), makes the folders. LAUNCHER is taken, and the
 * descriptor STEERING_PROGRAM (guest/tap-steering.h), which may be -1.
 */
Node *node_new(Launcher *launcher, int steering_program, GError **error);
void node_free(Node *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Node, node_free)

/*
 * Finds the guests again: definitions, running instances, upgrades that were cut off. Blocks, bounded. Whatever is
 * not understood is left as it is and logged.
 */
bool node_find_guests(Node *node, GError **error);

const GuestEnvironment *node_get_environment(const Node *node);
/* TRUE while something is under way that must not be cut off. */
bool node_is_busy(const Node *node);
/* FUNC is called from the main loop after each change of node_is_busy. */
void node_set_busy_func(Node *node, void (*func)(gpointer user_data), gpointer user_data);

/*
 * The engine is about to end: asks the upgrades under way to roll back where they still can, and iterates the main
 * loop until none is left or TIMEOUT_MS has passed (FALSE; the next engine finds their records).
 */
bool node_wind_up(Node *node, gint64 timeout_ms);
