/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The methods of io.moult. Handlers read parameters, call the node, and shape its answer; nothing is decided here.
 */
#pragma once

#include <glib.h>

#include "control/call.h"
#include "control/service.h"
#include "node/node.h"

/* What every handler gets as its user data. */
typedef struct {
    Node *node; /* borrowed */
} ControlContext;

/* For control_server_new. */
const ControlMethod *control_handlers_get(size_t *ret_n);

/* Answers CALL with the io.moult error of ERROR's kind. GUEST may be NULL. */
void control_fail_with(ControlCall *call, const char *guest, const GError *error);

/* {KEY: VALUE}; VALUE is taken. */
json_object *control_wrap(const char *key, json_object *value);

/* One file a group of methods; each is a ControlMethod's handle. */
void control_handle_run(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_define(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_start(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_undefine(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_stop(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_wait(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_adopt(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_release(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_resolve(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_list(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_show(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_check(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_upgrade(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_jobs(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_cancel(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_watch(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_history(ControlCall *call, json_object *parameters, gpointer user_data);
void control_handle_capabilities(ControlCall *call, json_object *parameters, gpointer user_data);
