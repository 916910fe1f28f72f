/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions that were asked before their answers are needed (qmp_client_ask_ahead): which id each has, and what was
 * answered, for whoever asks the same again. Bounded in number; an answer is bounded like every message. Internal to qmp/.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

typedef struct QmpAhead QmpAhead;

typedef enum {
    QMP_AHEAD_OF_STRETCH, /* goes with qmp_ahead_clear */
    QMP_AHEAD_CONSTANT,   /* stays */
} QmpAheadKind;

QmpAhead *qmp_ahead_new(void);
void qmp_ahead_free(QmpAhead *ahead);

bool qmp_ahead_is_empty(const QmpAhead *ahead);
/* What tells questions apart: COMMAND and ARGUMENTS (may be NULL), as one text. Free with g_free. */
char *qmp_ahead_dup_key(const char *command, json_object *arguments);

/* Whether COMMAND changes nothing in QEMU: query-*, qom-get, qom-list, and `info` of the monitor for people. */
bool qmp_ahead_is_question(const char *command, json_object *arguments);

/* Whether another question, KEY, can be taken in: it is not there yet, and there is room. */
bool qmp_ahead_has_room(const QmpAhead *ahead, const char *key);
/* KEY was asked as ID. */
void qmp_ahead_add(QmpAhead *ahead, const char *key, QmpAheadKind kind, guint64 id);
/* The id KEY was asked as, while its answer is not kept here; 0 when there is none. */
guint64 qmp_ahead_get_id(const QmpAhead *ahead, const char *key);
/* KEY is not answered any more. */
void qmp_ahead_remove(QmpAhead *ahead, const char *key);
/* Keeps RESULT (may be NULL) or FAILURE (NULL on success) as the answer to what was asked as ID. FALSE: nothing was. */
bool qmp_ahead_answer(QmpAhead *ahead, guint64 id, json_object *result, const GError *failure);
/*
 * The answer that is kept for KEY. FALSE when there is none. RET_RESULT receives a copy of its own, or NULL; RET_FAILURE
 * a copy of the failure, or NULL.
 */
bool qmp_ahead_get_answer(const QmpAhead *ahead, const char *key, json_object **ret_result, GError **ret_failure);

/* Takes all questions of the stretch out; FUNC (may be NULL) is called with the id of each that has no answer kept. */
void qmp_ahead_clear(QmpAhead *ahead, void (*func)(guint64 id, gpointer user_data), gpointer user_data);
