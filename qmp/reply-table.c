/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/reply-table.h"

#include "qmp/json.h"

#define MAX_REPLIES 256
#define MAX_COST_BYTES ((size_t)64 << 20)

typedef struct {
    guint64 id;
    bool answered;
    json_object *result;
    GError *failure;
    size_t cost_bytes;
} Reply;

/* In the order of ids; hardly ever more than one or two. */
struct QmpReplyTable {
    GQueue replies;
    size_t cost_bytes;
};

static void
reply_free(Reply *reply)
{
    json_object_put(reply->result);
    g_clear_error(&reply->failure);
    g_free(reply);
}

QmpReplyTable *
qmp_reply_table_new(void)
{
    return g_new0(QmpReplyTable, 1);
}

void
qmp_reply_table_free(QmpReplyTable *table)
{
    if (!table)
        return;
    g_queue_clear_full(&table->replies, (GDestroyNotify)reply_free);
    g_free(table);
}

static Reply *
reply_table_find(const QmpReplyTable *table, guint64 id)
{
    for (GList *link = table->replies.head; link; link = link->next) {
        Reply *reply = link->data;
        if (reply->id == id)
            return reply;
    }
    return NULL;
}

static void
reply_table_remove(QmpReplyTable *table, Reply *reply)
{
    table->cost_bytes -= reply->cost_bytes;
    g_queue_remove(&table->replies, reply);
    reply_free(reply);
}

/* Drops the oldest answer that nobody has collected, but not KEEP. FALSE when there is none. */
static bool
reply_table_drop_oldest(QmpReplyTable *table, const Reply *keep)
{
    for (GList *link = table->replies.head; link; link = link->next) {
        Reply *reply = link->data;
        if (reply->answered && reply != keep) {
            reply_table_remove(table, reply);
            return true;
        }
    }
    return false;
}

bool
qmp_reply_table_expect(QmpReplyTable *table, guint64 id)
{
    if (table->replies.length >= MAX_REPLIES && !reply_table_drop_oldest(table, NULL))
        return false;
    Reply *reply = g_new0(Reply, 1);
    reply->id = id;
    g_queue_push_tail(&table->replies, reply);
    return true;
}

void
qmp_reply_table_forget(QmpReplyTable *table, guint64 id)
{
    Reply *reply = reply_table_find(table, id);

    if (reply)
        reply_table_remove(table, reply);
}

void
qmp_reply_table_answer(QmpReplyTable *table, guint64 id, json_object *result, GError *failure,
                       size_t cost_bytes)
{
    g_autoptr(json_object) own_result = result;
    g_autoptr(GError) own_failure = failure;
    Reply *reply = reply_table_find(table, id);

    if (!reply || reply->answered)
        return;
    reply->answered = true;
    reply->result = g_steal_pointer(&own_result);
    reply->failure = g_steal_pointer(&own_failure);
    reply->cost_bytes = cost_bytes;
    table->cost_bytes += cost_bytes;
    while (table->cost_bytes > MAX_COST_BYTES && reply_table_drop_oldest(table, reply))
        ;
}

QmpReplyState
qmp_reply_table_get_state(const QmpReplyTable *table, guint64 id)
{
    const Reply *reply = reply_table_find(table, id);

    if (!reply)
        return QMP_REPLY_UNKNOWN;
    return reply->answered ? QMP_REPLY_ANSWERED : QMP_REPLY_WAITING;
}

guint64
qmp_reply_table_get_oldest(const QmpReplyTable *table)
{
    for (GList *link = table->replies.head; link; link = link->next) {
        const Reply *reply = link->data;
        if (!reply->answered)
            return reply->id;
    }
    return 0;
}

bool
qmp_reply_table_take(QmpReplyTable *table, guint64 id, json_object **ret_result, GError **error)
{
    Reply *reply = reply_table_find(table, id);
    bool succeeded = !reply->failure;

    if (!succeeded)
        g_propagate_error(error, g_steal_pointer(&reply->failure));
    else if (ret_result)
        *ret_result = g_steal_pointer(&reply->result);
    reply_table_remove(table, reply);
    return succeeded;
}
