/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/worker.h"

#include "node/state.h"
#include "node/trim.h"

typedef struct {
    Node *node;
    void (*run)(gpointer data);
    void (*done)(gpointer data);
    gpointer data;
} Work;

/*
 * Never g_main_context_invoke: it calls FUNC in the calling thread when nobody iterates the main loop at that moment, as
 * while an engine starts, winds up, or between two iterations.
 */
void
node_worker_tell(GSourceFunc func, gpointer data)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, func, data, NULL);
    g_source_attach(source, NULL);
}

static gboolean
finish(gpointer user_data)
{
    Work *work = user_data;
    Node *node = work->node;

    work->done(work->data);
    g_free(work);
    node->n_workers--;
    node_notify_busy(node);
    node_trim_soon(node);
    return G_SOURCE_REMOVE;
}

static void
work_in_thread(gpointer user_data)
{
    Work *work = user_data;

    work->run(work->data);
    node_worker_tell(finish, work);
}

void
node_worker_start(Node *node, void (*run)(gpointer data), void (*done)(gpointer data), gpointer data)
{
    Work *work = g_new(Work, 1);

    *work = (Work){.node = node, .run = run, .done = done, .data = data};
    node->n_workers++;
    node_notify_busy(node);
    node_pool_push(node->pool, work_in_thread, work);
}
