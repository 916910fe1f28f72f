/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/ahead.h"

#include <string.h>

#include "qmp/json.h"
#include "qmp/stream.h"

/* Well below the number of commands that may be without a reply (client.h). */
#define MAX_QUESTIONS 64

typedef struct {
    QmpAheadKind kind;
    guint64 id; /* 0: answered */
    json_object *result; /* of the stretch */
    char *text;          /* of a constant: "[RESULT]". It stays, for each guest, and json-c's trees are several times as large */
    GError *failure;
} Question;

struct QmpAhead {
    GHashTable *questions; /* key -> Question */
};

static void
question_free(gpointer data)
{
    Question *question = data;

    json_object_put(question->result);
    g_free(question->text);
    g_clear_error(&question->failure);
    g_free(question);
}

QmpAhead *
qmp_ahead_new(void)
{
    QmpAhead *ahead = g_new0(QmpAhead, 1);

    ahead->questions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, question_free);
    return ahead;
}

void
qmp_ahead_free(QmpAhead *ahead)
{
    if (!ahead)
        return;
    g_hash_table_unref(ahead->questions);
    g_free(ahead);
}

bool
qmp_ahead_is_empty(const QmpAhead *ahead)
{
    return g_hash_table_size(ahead->questions) == 0;
}

char *
qmp_ahead_dup_key(const char *command, json_object *arguments)
{
    return g_strconcat(command, " ", arguments ? qmp_json_to_text(arguments, NULL) : "", NULL);
}

bool
qmp_ahead_is_question(const char *command, json_object *arguments)
{
    const char *line = qmp_json_get_string(arguments, "command-line");

    if (g_str_equal(command, "human-monitor-command"))
        return line && g_str_has_prefix(line, "info ");
    return g_str_has_prefix(command, "query-") || g_str_equal(command, "qom-get") || g_str_equal(command, "qom-list");
}

bool
qmp_ahead_has_room(const QmpAhead *ahead, const char *key)
{
    return g_hash_table_size(ahead->questions) < MAX_QUESTIONS && !g_hash_table_contains(ahead->questions, key);
}

void
qmp_ahead_add(QmpAhead *ahead, const char *key, QmpAheadKind kind, guint64 id)
{
    Question *question = g_new0(Question, 1);

    question->kind = kind;
    question->id = id;
    g_hash_table_replace(ahead->questions, g_strdup(key), question);
}

guint64
qmp_ahead_get_id(const QmpAhead *ahead, const char *key)
{
    const Question *question = g_hash_table_lookup(ahead->questions, key);

    return question ? question->id : 0;
}

void
qmp_ahead_remove(QmpAhead *ahead, const char *key)
{
    g_hash_table_remove(ahead->questions, key);
}

static Question *
ahead_find_id(const QmpAhead *ahead, guint64 id)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, ahead->questions);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((const Question *)value)->id == id)
            return value;
    return NULL;
}

static void
question_keep_text(Question *question, json_object *result)
{
    g_autoptr(json_object) array = json_object_new_array(); /* what may be a number by itself is not parsed */

    json_object_array_add(array, json_object_get(result));
    question->text = g_strdup(qmp_json_to_text(array, NULL));
}

/* A copy, for a caller may change it. */
static json_object *
question_dup_result(const Question *question)
{
    json_object *copy = NULL;

    if (question->text) {
        g_autoptr(json_object) array =
            qmp_json_parse(question->text, strlen(question->text), QMP_STREAM_LIMITS_QEMU.depth, NULL);
        return array ? json_object_get(json_object_array_get_idx(array, 0)) : NULL;
    }
    if (question->result && json_object_deep_copy(question->result, &copy, NULL) < 0)
        g_error("out of memory"); /* there is no other reason */
    return copy;
}

bool
qmp_ahead_answer(QmpAhead *ahead, guint64 id, json_object *result, const GError *failure)
{
    Question *question = id ? ahead_find_id(ahead, id) : NULL;

    if (!question)
        return false;
    question->id = 0;
    if (question->kind == QMP_AHEAD_CONSTANT)
        question_keep_text(question, result);
    else
        question->result = json_object_get(result);
    question->failure = failure ? g_error_copy(failure) : NULL;
    return true;
}

bool
qmp_ahead_get_answer(const QmpAhead *ahead, const char *key, json_object **ret_result, GError **ret_failure)
{
    const Question *question = g_hash_table_lookup(ahead->questions, key);

    if (!question || question->id)
        return false;
    *ret_result = question_dup_result(question);
    *ret_failure = question->failure ? g_error_copy(question->failure) : NULL;
    return true;
}

void
qmp_ahead_clear(QmpAhead *ahead, void (*func)(guint64 id, gpointer user_data), gpointer user_data)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, ahead->questions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Question *question = value;
        if (question->kind == QMP_AHEAD_CONSTANT)
            continue;
        if (func && question->id)
            func(question->id, user_data);
        g_hash_table_iter_remove(&iter);
    }
}
