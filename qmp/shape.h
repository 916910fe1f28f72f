/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls whose replies must have a certain shape; another one is QMP_CLIENT_ERROR_GARBAGE (the connection
 * stays open: what one reply lacks says nothing about the next). Internal to the files qmp/commands*.c.
 */
#pragma once

#include "qmp/client.h"
#include "qmp/json.h"

/* Names, ids, types, QOM paths: no longer than this, without control characters. */
#define QMP_SHAPE_NAME_MAX 1024

/* Sets GARBAGE: "COMMAND: reply without a proper WHAT". Always FALSE. */
bool qmp_shape_fail(const char *command, const char *what, GError **error);

/* qmp_client_call for commands whose reply says nothing. ARGUMENTS is taken and may be NULL. */
bool qmp_shape_call(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
                    GError **error);
/* As above; the reply is an object or an array, owned by the caller. */
json_object *qmp_shape_call_object(QmpClient *client, const char *command, json_object *arguments,
                                   const QmpWait *wait, GError **error);
json_object *qmp_shape_call_array(QmpClient *client, const char *command, json_object *arguments,
                                  const QmpWait *wait, GError **error);

/* Turns one element of an array into something; NULL when its shape is wrong. */
typedef gpointer (*QmpShapeElement)(json_object *element);
/* Calls and converts; the array frees its elements with FREE_FUNC. */
GPtrArray *qmp_shape_call_list(QmpClient *client, const char *command, json_object *arguments,
                               QmpShapeElement convert, GDestroyNotify free_func, const QmpWait *wait,
                               GError **error);

/* A member that is a name. NULL where it is not one. Borrowed. */
const char *qmp_shape_get_name(json_object *object, const char *key);
/* TRUE with a copy of the name, or NULL when the member is missing; FALSE when it is there and no name. */
bool qmp_shape_dup_optional_name(json_object *object, const char *key, char **ret_name);
/* The member, or FALSE where it is missing. */
bool qmp_shape_get_flag(json_object *object, const char *key);
