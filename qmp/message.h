/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU says in one message (its docs/interop/qmp-spec), checked. Internal to qmp/.
 */
#pragma once

#include "qmp/client.h"

typedef enum {
    QMP_MESSAGE_GREETING,
    QMP_MESSAGE_EVENT,
    QMP_MESSAGE_REPLY,
    QMP_MESSAGE_UNKNOWN
} QmpMessageKind;

QmpMessageKind qmp_message_get_kind(json_object *message);

typedef struct {
    int major, minor, micro;
    char *package; /* quoted and cut; perhaps empty */
} QmpGreeting;

/* FALSE when there is no proper version in it. */
bool qmp_message_parse_greeting(json_object *message, QmpGreeting *ret_greeting);

/* NULL when it has no proper name. */
QmpEvent *qmp_message_parse_event(json_object *message);

/* The error of a reply, REMOTE or NO_COMMAND, with QEMU's words quoted and cut; NULL for a success. */
GError *qmp_message_parse_error(json_object *message);

typedef enum {
    QMP_MESSAGE_ID_NONE,  /* QEMU tells of a command that it could not read */
    QMP_MESSAGE_ID_OURS,  /* a number: ret_id is set */
    QMP_MESSAGE_ID_OTHERS /* of a kind that we never send */
} QmpMessageIdKind;

QmpMessageIdKind qmp_message_parse_id(json_object *message, guint64 *ret_id);
