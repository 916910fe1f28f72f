/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A varlink client: one connection to the engine, blocking calls. Errors are CLI_ERROR: UNREACHABLE when the
 * connection is no more or the engine does not answer, or what the engine answered.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "qmp/wait.h"

/* How long an engine may take to answer what needs no work. */
#define CLI_CLIENT_ANSWER_MS 30000

/* For QmpWait's deadline: only the engine's answer, the end of the connection or a signal ends the wait. */
#define CLI_CLIENT_NO_DEADLINE G_MAXINT64

typedef struct CliClient CliClient;

/* Takes FD, connected to the engine. Never NULL. */
CliClient *cli_client_new(int fd);
void cli_client_free(CliClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CliClient, cli_client_free)

typedef enum { CLI_CLIENT_ONE_REPLY, CLI_CLIENT_MORE_REPLIES } CliClientMode;

/* Sends a call; PARAMETERS is taken (NULL for none). USAGE when the call is longer than the engine accepts.
 */
bool cli_client_send(CliClient *client, const char *method, json_object *parameters, CliClientMode mode,
                     GError **error);

typedef enum {
    CLI_CLIENT_LAST,      /* ret_parameters is set; the call is answered */
    CLI_CLIENT_CONTINUES, /* ret_parameters is set; there is more to come */
    CLI_CLIENT_CANCELLED, /* the wait's descriptor became readable; the call goes on, receive again */
    CLI_CLIENT_FAILED     /* error is set */
} CliClientResult;

/* The next reply to the call that was sent; an object, owned by the caller. */
CliClientResult cli_client_receive(CliClient *client, const QmpWait *wait, json_object **ret_parameters,
                                   GError **error);

/* Sends a call and returns its one reply, owned by the caller; NULL on failure. TIMEOUT_MS bounds the wait.
 */
json_object *cli_client_call(CliClient *client, const char *method, json_object *parameters,
                             gint64 timeout_ms, GError **error);
