/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/message.h"

#include "qmp/json.h"
#include "qmp/text.h"

#define EVENT_NAME_MAX 128
#define PACKAGE_MAX 256
#define VERSION_NUMBER_MAX 9999
#define SECONDS_MAX ((gint64)1 << 40)

QmpMessageKind
qmp_message_get_kind(json_object *message)
{
    if (qmp_json_get_string(message, "event"))
        return QMP_MESSAGE_EVENT;
    if (json_object_object_get_ex(message, "return", NULL) ||
        json_object_object_get_ex(message, "error", NULL))
        return QMP_MESSAGE_REPLY;
    if (qmp_json_get_object(message, "QMP"))
        return QMP_MESSAGE_GREETING;
    return QMP_MESSAGE_UNKNOWN;
}

static bool
message_get_version_number(json_object *numbers, const char *key, int *ret_number)
{
    gint64 number;

    if (!qmp_json_get_int64(numbers, key, &number) || number < 0 || number > VERSION_NUMBER_MAX)
        return false;
    *ret_number = (int)number;
    return true;
}

bool
qmp_message_parse_greeting(json_object *message, QmpGreeting *ret_greeting)
{
    json_object *version = qmp_json_get_object(qmp_json_get_object(message, "QMP"), "version");
    json_object *numbers = qmp_json_get_object(version, "qemu");
    QmpGreeting greeting = {0};

    if (!message_get_version_number(numbers, "major", &greeting.major) ||
        !message_get_version_number(numbers, "minor", &greeting.minor) ||
        !message_get_version_number(numbers, "micro", &greeting.micro))
        return false;
    greeting.package = qmp_text_quote(qmp_json_get_string(version, "package"), PACKAGE_MAX);
    *ret_greeting = greeting;
    return true;
}

static gint64
message_parse_timestamp(json_object *message)
{
    json_object *timestamp = qmp_json_get_object(message, "timestamp");
    gint64 seconds, microseconds;

    /* QEMU says -1 for both where it could not read its clock. */
    if (!qmp_json_get_int64(timestamp, "seconds", &seconds) ||
        !qmp_json_get_int64(timestamp, "microseconds", &microseconds) || seconds < 0 ||
        seconds > SECONDS_MAX || microseconds < 0 || microseconds >= G_USEC_PER_SEC)
        return -1;
    return seconds * G_USEC_PER_SEC + microseconds;
}

QmpEvent *
qmp_message_parse_event(json_object *message)
{
    const char *name = qmp_json_get_string(message, "event");

    if (!name || name[0] == '\0' || !qmp_text_is_plain(name, EVENT_NAME_MAX))
        return NULL;
    QmpEvent *event = g_new0(QmpEvent, 1);
    event->name = g_strdup(name);
    event->data = json_object_get(qmp_json_get_object(message, "data"));
    event->timestamp_us = message_parse_timestamp(message);
    return event;
}

GError *
qmp_message_parse_error(json_object *message)
{
    json_object *remote;

    if (!json_object_object_get_ex(message, "error", &remote))
        return NULL;
    const char *class = qmp_json_get_string(remote, "class");
    const char *desc = qmp_json_get_string(remote, "desc");
    g_autofree char *quoted =
        qmp_text_quote(desc ? desc : "an error without description", QMP_TEXT_MESSAGE_MAX);
    QmpClientError code =
        g_strcmp0(class, "CommandNotFound") == 0 ? QMP_CLIENT_ERROR_NO_COMMAND : QMP_CLIENT_ERROR_REMOTE;
    return g_error_new_literal(QMP_CLIENT_ERROR, code, quoted);
}

QmpMessageIdKind
qmp_message_parse_id(json_object *message, guint64 *ret_id)
{
    if (!json_object_object_get_ex(message, "id", NULL))
        return QMP_MESSAGE_ID_NONE;
    return qmp_json_get_uint64(message, "id", ret_id) ? QMP_MESSAGE_ID_OURS : QMP_MESSAGE_ID_OTHERS;
}
