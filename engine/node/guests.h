/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's life but for its upgrades: run, define, start, stop, undefine. Each answers through a function called in
 * the main loop, once; ERROR is NULL when it was done.
 */
#pragma once

#include "guest/definition.h"
#include "node/node.h"

/* DOMAIN is borrowed; NULL with ERROR. */
typedef void (*NodeStartFunc)(ObjlistDomain *domain, const GError *error, gpointer user_data);
/* DEFINITION is taken (its UUID may be NULL: one is made). Transient: the guest is forgotten when it ends. */
void node_guests_run(Node *node, GuestDefinition *definition, NodeStartFunc func, gpointer user_data);
/* Starts a defined guest that is shut off. */
void node_guests_start(Node *node, const char *name, NodeStartFunc func, gpointer user_data);

/* The UUID of a guest that has none yet: its command line's, where that names one, else a new one. Owned. */
char *node_guests_choose_uuid(const GuestDefinition *definition);

/* DEFINITION is taken. Does not block. The command line is looked at, the binary is not started. */
bool node_guests_define(Node *node, GuestDefinition *definition, GError **error);
/* A guest that runs becomes transient: it is forgotten when it ends. */
bool node_guests_undefine(Node *node, const char *name, GError **error);

typedef void (*NodeStopFunc)(json_object *end, const GError *error, gpointer user_data);
/* END: `End` of io.moult, borrowed. FORCE: SIGTERM, then SIGKILL; else system_powerdown and TIMEOUT_MS of patience. */
void node_guests_stop(Node *node, const char *name, bool force, gint64 timeout_ms, NodeStopFunc func,
                      gpointer user_data);

/* The domain called NAME, a new reference; refused (GUEST_ERROR, "guest-unknown") when there is none. */
ObjlistDomain *node_guests_find(Node *node, const char *name, GError **error);
/* As above, and it must run. */
ObjlistDomain *node_guests_find_running(Node *node, const char *name, GError **error);
/* Whether it is exactly DOMAIN that stands for its guest in the primary tables. */
bool node_guests_is_known(Node *node, const ObjlistDomain *domain);
/* Takes the job lock; refused ("job-running") when somebody has it. */
bool node_guests_begin_job(ObjlistDomain *domain, const char *what, guint64 job_id, GError **error);
