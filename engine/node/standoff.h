/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests that need their operator: two QEMUs of which nobody knows who has the guest. Nothing is done to either; their ends
 * are noticed, for one that is gone may decide what two could not, and so is the answer of one that had not answered.
 */
#pragma once

#include "node/takeup.h"

/* DOMAIN is the source's; it stands for the guest in the primary tables meanwhile. Takes record and evidence out of UPGRADE. */
void node_standoff_add(Node *node, ObjlistDomain *domain, Upgrade *upgrade);

/*
 * The operator's word for the guest called NAME: a choice, its end, or only to look again. Refused ("guest-unknown",
 * "not-in-doubt", "job-running", "choice-refused") or done; FUNC is called in the main loop, once, RESULT being NULL where there
 * was nothing to decide.
 */
void node_standoff_take_up(Node *node, const char *name, NodeTakeUp what, NodeTakeUpFunc func, gpointer user_data);

/* Why the guest called NAME needs its operator; owned. NULL when it does not ("not-in-doubt"), or is unknown. */
json_object *node_standoff_dup_evidence(Node *node, const char *name, GError **error);

/* For node_new alone. */
GHashTable *node_standoff_new_table(void);
