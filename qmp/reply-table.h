/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands under way on one connection and the replies nobody has collected yet, bounded in number and
 * memory. Internal to qmp/.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

typedef struct QmpReplyTable QmpReplyTable;

typedef enum {
    QMP_REPLY_UNKNOWN, /* never expected, forgotten, dropped or taken */
    QMP_REPLY_WAITING,
    QMP_REPLY_ANSWERED
} QmpReplyState;

QmpReplyTable *qmp_reply_table_new(void);
void qmp_reply_table_free(QmpReplyTable *table);

/* Expects a reply to ID, which must be greater than all before. FALSE when too many are being waited for. */
bool qmp_reply_table_expect(QmpReplyTable *table, guint64 id);
/* Nobody is going to ask for ID any more. */
void qmp_reply_table_forget(QmpReplyTable *table, guint64 id);
/* Takes RESULT (may be NULL) or FAILURE (NULL on success). An unexpected ID is ignored. */
void qmp_reply_table_answer(QmpReplyTable *table, guint64 id, json_object *result, GError *failure,
                            size_t cost_bytes);

QmpReplyState qmp_reply_table_get_state(const QmpReplyTable *table, guint64 id);
/* The oldest id that is being waited for; 0 when there is none. */
guint64 qmp_reply_table_get_oldest(const QmpReplyTable *table);
/* Takes the reply out, which must be ANSWERED. FALSE with the failure when that is what it is. RET_RESULT may
 * be NULL. */
bool qmp_reply_table_take(QmpReplyTable *table, guint64 id, json_object **ret_result, GError **error);
