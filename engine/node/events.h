/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens on the node, told to whoever watches (`Event` of io.moult).
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

typedef struct NodeEvents NodeEvents;

NodeEvents *node_events_new(void);
void node_events_free(NodeEvents *events);

/* EVENT is borrowed by FUNC. GUEST NULL: of every guest. Returns an id for unsubscribing. */
typedef void (*NodeEventFunc)(json_object *event, gpointer user_data);
guint node_events_subscribe(NodeEvents *events, const char *guest, NodeEventFunc func, gpointer user_data);
void node_events_unsubscribe(NodeEvents *events, guint id);

/* NAME as in io.moult; DOMAIN_ID 0: none; DATA may be NULL and is taken. */
void node_events_emit(NodeEvents *events, const char *name, const char *guest, guint64 domain_id, json_object *data);
