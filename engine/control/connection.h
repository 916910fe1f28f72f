/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client: reads calls, hands them out one at a time, sends replies in that order, and bounds what the
 * client can cost. It drives itself by a source on the main context.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "control/call.h"
#include "qmp/stream.h"

typedef struct ControlConnection ControlConnection;

typedef struct {
    QmpStreamLimits stream;
    gint64 half_message_ms; /* how long a client may take to finish a message that it has begun */
} ControlConnectionLimits;

typedef struct {
    /* A call has come. CALL is borrowed, PARAMETERS (always an object) too. */
    void (*handle)(ControlCall *call, json_object *parameters, gpointer user_data);
    /* The client has gone and nothing is under way for it: the owner frees the connection, now or later. */
    void (*ended)(ControlConnection *connection, gpointer user_data);
} ControlConnectionFuncs;

/* Takes FD. FUNCS is borrowed. Runs on the thread-default main context. Never NULL. */
ControlConnection *control_connection_new(int fd, const ControlPeer *peer,
                                          const ControlConnectionLimits *limits,
                                          const ControlConnectionFuncs *funcs, gpointer user_data);
/* A call under way stays valid; its answer is dropped, and its closed function is not called. */
void control_connection_free(ControlConnection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlConnection, control_connection_free)

/* For calls: */
/* Queues MESSAGE (borrowed). A client that does not read, or has gone, is closed as soon as the main loop
 * runs. */
void control_connection_send(ControlConnection *connection, json_object *message);
/* CALL is answered or dropped; the next may come. */
void control_connection_end_call(ControlConnection *connection, ControlCall *call);
/* Whether nothing that is sent will arrive. */
bool control_connection_is_closed(const ControlConnection *connection);
/* Whether something that was sent is still on its way into the socket, and will get there. */
bool control_connection_has_output(const ControlConnection *connection);
/* Breaks the connection; the rest happens when the main loop runs. */
void control_connection_close(ControlConnection *connection);
/* Has the main loop look at the connection's state again. */
void control_connection_wake(ControlConnection *connection);
