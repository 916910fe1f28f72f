/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line, as an operator's script uses it: exit status, --json, what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>

#include "harness-private.h"

#define MAX_DEPTH 32

void
harness_reply_free(HarnessReply *reply)
{
    if (!reply)
        return;
    json_object_put(reply->output);
    g_free(reply->text);
    g_free(reply->messages);
    g_free(reply);
}

Program *
moult_start_v(HarnessEngine *engine, const char *const *args)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(GStrv) environment = harness_environment(engine);
    g_autofree char *command = g_strconcat(engine->prefix, engine->command, NULL);
    g_auto(GStrv) words = g_strsplit(command, " ", -1);
    g_autoptr(GError) error = NULL;

    for (char **word = words; *word; word++)
        g_ptr_array_add(argv, *word);
    for (; *args; args++)
        g_ptr_array_add(argv, (gpointer)*args);
    g_ptr_array_add(argv, NULL);
    Program *program =
        program_start((const char *const *)argv->pdata, (const char *const *)environment, -1, &error);
    if (!program)
        fail_msg("%s", error->message);
    return program;
}

HarnessReply *
moult_finish(Program *program)
{
    g_autoptr(HarnessReply) reply = g_new0(HarnessReply, 1);
    int status = 0;
    bool has_ended = program_wait(program, HARNESS_CALL_MS, &status);

    reply->text = program_dup_output(program);
    reply->messages = program_dup_messages(program);
    program_free(program);
    if (!has_ended)
        fail_msg("moult does not come back: %s%s", reply->text, reply->messages);
    if (!WIFEXITED(status))
        fail_msg("moult died of signal %d: %s%s", WTERMSIG(status), reply->text, reply->messages);
    reply->status = WEXITSTATUS(status);
    g_strchomp(reply->text);
    reply->output = qmp_json_parse(reply->text, strlen(reply->text), MAX_DEPTH, NULL);
    return g_steal_pointer(&reply);
}

HarnessReply *
moult_v(HarnessEngine *engine, const char *const *args)
{
    return moult_finish(moult_start_v(engine, args));
}

static GPtrArray *
collect(va_list list)
{
    GPtrArray *args = g_ptr_array_new();
    const char *arg;

    do {
        arg = va_arg(list, const char *);
        g_ptr_array_add(args, (gpointer)arg);
    } while (arg);
    return args;
}

HarnessReply *
moult(HarnessEngine *engine, ...)
{
    va_list list;

    va_start(list, engine);
    g_autoptr(GPtrArray) args = collect(list);
    va_end(list);
    return moult_v(engine, (const char *const *)args->pdata);
}

Program *
moult_start(HarnessEngine *engine, ...)
{
    va_list list;

    va_start(list, engine);
    g_autoptr(GPtrArray) args = collect(list);
    va_end(list);
    return moult_start_v(engine, (const char *const *)args->pdata);
}

void
assert_status(const HarnessReply *reply, int status)
{
    if (reply->status != status)
        fail_msg("moult exited with %d, not %d: %s%s", reply->status, status, reply->text, reply->messages);
}

json_object *
reply_result(const HarnessReply *reply)
{
    json_object *results = qmp_json_get_array(reply->output, "results");

    if (!results || json_object_array_length(results) != 1)
        fail_msg("not one result: %s%s", reply->text, reply->messages);
    return json_object_array_get_idx(results, 0);
}

static void
expect_words(const HarnessReply *reply, json_object *object, const char *code, const char *words)
{
    const char *message = qmp_json_get_string(object, "message");

    if (g_strcmp0(qmp_json_get_string(object, "code"), code) != 0)
        fail_msg("the code is not '%s': %s%s", code, reply->text, reply->messages);
    if (!message || (words && !strstr(message, words)))
        fail_msg("the message does not say '%s': %s%s", words ? words : "anything", reply->text, reply->messages);
}

void
assert_outcome(const HarnessReply *reply, int status, const char *outcome, const char *code, const char *words)
{
    assert_status(reply, status);
    json_object *result = reply_result(reply);
    if (g_strcmp0(qmp_json_get_string(result, "outcome"), outcome) != 0)
        fail_msg("the outcome is not '%s': %s", outcome, reply->text);
    expect_words(reply, result, code, words);
}

void
assert_refusal(const HarnessReply *reply, int status, const char *code, const char *words)
{
    assert_status(reply, status);
    expect_words(reply, qmp_json_get_object(reply->output, "error"), code, words);
}

json_object *
reply_rows(const HarnessReply *reply)
{
    json_object *rows =
        qmp_json_get_array(json_object_array_get_idx(qmp_json_get_array(reply->output, "checks"), 0), "rows");

    if (!rows)
        fail_msg("no rows: %s%s", reply->text, reply->messages);
    return rows;
}

static bool
has_row(json_object *rows, const char *level, const char *code)
{
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        if (g_strcmp0(qmp_json_get_string(row, "level"), level) == 0 &&
            g_strcmp0(qmp_json_get_string(row, "code"), code) == 0)
            return true;
    }
    return false;
}

void
assert_rows(const HarnessReply *check, const char *wanted)
{
    g_auto(GStrv) list = g_strsplit(wanted, ",", -1);

    for (char **one = list; *one; one++) {
        g_auto(GStrv) words = g_strsplit(g_strstrip(*one), " ", 2);
        if (!has_row(reply_rows(check), words[0], words[1]))
            fail_msg("no row “%s %s” in: %s", words[0], words[1], check->text);
    }
}

json_object *
reply_find_listed(const HarnessReply *reply, pid_t pid)
{
    json_object *guests = qmp_json_get_array(reply->output, "guests");

    for (size_t i = 0; guests && i < json_object_array_length(guests); i++) {
        gint64 listed = 0;
        if (qmp_json_get_int64(json_object_array_get_idx(guests, i), "pid", &listed) && listed == pid)
            return json_object_array_get_idx(guests, i);
    }
    return NULL;
}
