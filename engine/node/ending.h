/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's end: noticed once, cleaned up once, told to whoever waits for it.
 */
#pragma once

#include "node/node.h"
#include "process/identity.h"

/* The domain's process has ended: reaps it, removes what was its, informs watchers and waiters. Main loop. */
void node_ending_handle(Node *node, ObjlistDomain *domain);

/* As above for a guest whose process was reaped elsewhere (a job): END as that saw it. */
void node_ending_handle_reaped(Node *node, ObjlistDomain *domain, const ProcessExit *end);

/* `End` of io.moult; owned. */
json_object *node_ending_to_json(const GuestInstance *instance, const ProcessExit *end, const char *message);

/* Calls FUNC with the guest's end (borrowed `End`), once. Returns an id. DOMAIN's guest may be upgraded meanwhile. */
typedef void (*NodeEndFunc)(json_object *end, gpointer user_data);
guint node_ending_wait(Node *node, const char *guest, NodeEndFunc func, gpointer user_data);
void node_ending_cancel_wait(Node *node, guint id);

/*
 * How the last guest of this name ended, as long as no other has taken the name and it is not long ago (borrowed `End`;
 * NULL: not known). For whoever asks a moment too late.
 */
json_object *node_ending_get_last(Node *node, const char *guest);
/* A guest of this name starts: its predecessor's end is of no interest any more. */
void node_ending_forget_last(Node *node, const char *guest);

/* For node_new alone. */
GPtrArray *node_ending_new_waiters(void);
GHashTable *node_ending_new_table(void);
