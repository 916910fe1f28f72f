/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/worker.h"

#include "node/state.h"

#define MAX_WORKERS 64

typedef struct {
    Node *node;
    void (*run)(gpointer data);
    void (*done)(gpointer data);
    gpointer data;
} Work;

static gboolean
finish(gpointer user_data)
{
    Work *work = user_data;
    Node *node = work->node;

    work->done(work->data);
    g_free(work);
    node->n_workers--;
    node_notify_busy(node);
    return G_SOURCE_REMOVE;
}

static void
work_in_thread(gpointer user_data, gpointer pool_data G_GNUC_UNUSED)
{
    Work *work = user_data;

    work->run(work->data);
    g_main_context_invoke(NULL, finish, work);
}

void
node_worker_start(Node *node, void (*run)(gpointer data), void (*done)(gpointer data), gpointer data)
{
    static GThreadPool *pool;
    Work *work = g_new(Work, 1);

    if (!pool)
        pool = g_thread_pool_new(work_in_thread, NULL, MAX_WORKERS, FALSE, NULL);
    *work = (Work){.node = node, .run = run, .done = done, .data = data};
    node->n_workers++;
    node_notify_busy(node);
    g_thread_pool_push(pool, work, NULL);
}
