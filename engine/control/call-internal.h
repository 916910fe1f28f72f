/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a connection and the service do with a call; handlers have no business here.
 */
#pragma once

#include "control/call.h"
#include "control/connection.h"
#include "control/idl.h"

typedef struct {
    const char *method;
    bool more, oneway;
    ControlPeer peer;
    GMainContext *context; /* the main thread's */
} ControlCallInfo;

/* A call that CONNECTION (borrowed) waits for. One reference, the caller's. */
ControlCall *control_call_new(ControlConnection *connection, const ControlCallInfo *info);
/* What replies are checked against; both borrowed, valid as long as the connection is. */
void control_call_set_declaration(ControlCall *call, const ControlIdl *idl, const ControlIdlMethod *method);
/* The client has gone: calls the closed function unless that was done before. */
void control_call_notify_closed(ControlCall *call);
/* The connection is no more. */
void control_call_detach(ControlCall *call);
