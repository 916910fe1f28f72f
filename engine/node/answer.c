/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/answer.h"

#include <glib-unix.h>

/* What upgrade/observe.c asks: one that answers less would not be understood there either. */
static const char *const questions[] = {"query-migrate", "query-status"};
#define N_QUESTIONS G_N_ELEMENTS(questions)

struct NodeAnswer {
    QmpClient *client;
    guint source; /* of GLib; 0: the connection is closed */
    gsize n_asked, n_answered;
    guint64 ids[N_QUESTIONS];
    void (*func)(gpointer user_data);
    gpointer user_data;
};

static void
ask(NodeAnswer *answer)
{
    while (answer->n_asked < N_QUESTIONS) {
        guint64 id = qmp_client_send(answer->client, questions[answer->n_asked], NULL, NULL);
        if (id == 0)
            return; /* not greeted yet */
        answer->ids[answer->n_asked++] = id;
    }
}

/* An error is an answer, too. */
static void
collect(NodeAnswer *answer)
{
    const QmpWait no_wait = {.deadline_us = 0, .cancel_fd = -1};

    while (answer->n_answered < answer->n_asked) {
        g_autoptr(GError) error = NULL;
        if (!qmp_client_collect(answer->client, answer->ids[answer->n_answered], &no_wait, NULL, &error) &&
            !g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE))
            return;
        answer->n_answered++;
    }
}

static void
drop_events(NodeAnswer *answer)
{
    QmpEvent *event;

    while ((event = qmp_client_pop_event(answer->client)))
        qmp_event_free(event);
}

/* FALSE once nothing more can come. */
static bool
turn(NodeAnswer *answer)
{
    bool is_open = qmp_client_process(answer->client, NULL);

    ask(answer);
    collect(answer); /* sends what was asked */
    drop_events(answer);
    return is_open;
}

static gboolean
on_input(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    NodeAnswer *answer = user_data;
    bool is_open = turn(answer);

    if (answer->n_answered < N_QUESTIONS && is_open)
        return G_SOURCE_CONTINUE;
    answer->source = 0;
    if (answer->n_answered == N_QUESTIONS)
        answer->func(answer->user_data); /* which may free it */
    return G_SOURCE_REMOVE;
}

static gboolean
on_idle(gpointer user_data)
{
    NodeAnswer *answer = user_data;

    answer->source = 0;
    answer->func(answer->user_data);
    return G_SOURCE_REMOVE;
}

NodeAnswer *
node_answer_await(QmpClient *client, void (*func)(gpointer user_data), gpointer user_data)
{
    NodeAnswer *answer = g_new0(NodeAnswer, 1);

    *answer = (NodeAnswer){.client = client, .func = func, .user_data = user_data};
    bool is_open = turn(answer);
    int fd = qmp_client_get_fd(client);
    if (answer->n_answered == N_QUESTIONS) /* between the last look and this one */
        answer->source = g_idle_add(on_idle, answer);
    else if (is_open && fd >= 0)
        answer->source = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_input, answer);
    return answer;
}

void
node_answer_free(NodeAnswer *answer)
{
    if (!answer)
        return;
    if (answer->source)
        g_source_remove(answer->source);
    qmp_client_free(answer->client);
    g_free(answer);
}
