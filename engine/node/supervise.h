/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeping an eye on running guests from the main loop: their end (pidfd) and their events (monitor). A job that takes
 * a guest takes the monitor with it; its end is then the job's to notice.
 */
#pragma once

#include "node/node.h"

/* Watches DOMAIN's instance; connects its monitor when there is none. No-op when it is watched already. */
void node_supervise_start(Node *node, ObjlistDomain *domain);
/* From here on the caller may use the monitor in another thread. */
void node_supervise_stop(Node *node, ObjlistDomain *domain);

/* For node_new alone: the empty table of watches. */
GHashTable *node_supervise_new_table(void);
