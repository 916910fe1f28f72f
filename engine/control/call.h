/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One varlink call, from its arrival to its last reply. Handlers get it borrowed; whoever answers later takes
 * a reference, which may be dropped on any thread. Everything else here belongs to the main thread.
 *
 * A call is answered once: by control_call_reply or by one of the control_call_fail functions. Answers to a
 * client that has gone are dropped, so nobody has to ask first. Calls of one connection are handled one after
 * another: the next starts when this one is answered, or when its last reference is dropped after the client
 * has gone. (Dropping the last reference of an unanswered call while the client waits is a bug: the
 * connection is closed.)
 *
 * Replies are checked against the interface description; one that does not match it is logged and sent all
 * the same.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct ControlCall ControlCall;

/* Who called, as the kernel saw it when the client connected. */
typedef struct {
    uid_t uid;
    gid_t gid;
    pid_t pid; /* may be another process by now: for logs only */
} ControlPeer;

ControlCall *control_call_ref(ControlCall *call);
/* On any thread. NULL is allowed. */
void control_call_unref(ControlCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlCall, control_call_unref)

/* "io.moult.List"; borrowed. */
const char *control_call_get_method(const ControlCall *call);
const ControlPeer *control_call_get_peer(const ControlCall *call);
/* Whether control_call_reply_continues may be used. */
bool control_call_wants_more(const ControlCall *call);
/* Whether no answer is wanted. One must be given all the same: it ends the call, and is not sent. */
bool control_call_is_oneway(const ControlCall *call);
/* Whether the client is no longer there (or the call is answered): more replies are in vain. */
bool control_call_is_closed(const ControlCall *call);

/* The answer. PARAMETERS is taken; NULL for none. */
void control_call_reply(ControlCall *call, json_object *parameters);
/*
 * One of several replies, the last of which is control_call_reply. PARAMETERS is taken. Only when the call
 * wants more. A client that does not read is disconnected once too much is queued for it;
 * control_call_is_closed tells.
 */
void control_call_reply_continues(ControlCall *call, json_object *parameters);
/* An error as the answer; ERROR_NAME is a qualified name ("io.moult.Refused"). PARAMETERS is taken; NULL for
 * none. */
void control_call_fail(ControlCall *call, const char *error_name, json_object *parameters);
/* org.varlink.service.InvalidParameter: PARAMETER is well-formed but makes no sense. */
void control_call_fail_invalid_parameter(ControlCall *call, const char *parameter);
/* org.varlink.service.PermissionDenied. */
void control_call_fail_permission(ControlCall *call);

/*
 * FUNC is called once from the main loop, never from within another function of this header, when the client
 * goes away before the call is answered. It is not called after the answer. FUNC may be NULL to take it back.
 */
typedef void (*ControlCallClosedFunc)(ControlCall *call, gpointer user_data);
void control_call_set_closed_func(ControlCall *call, ControlCallClosedFunc func, gpointer user_data);
