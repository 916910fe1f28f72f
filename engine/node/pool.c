/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/pool.h"

#include <stdbool.h>

typedef struct {
    void (*func)(gpointer data);
    gpointer data;
} Work;

struct NodePool {
    GMutex lock;
    GCond wake;
    GQueue waiting; /* Work */
    guint max_threads, n_threads, n_idle;
    bool is_closed;
};

static void
free_now(NodePool *pool)
{
    g_mutex_clear(&pool->lock);
    g_cond_clear(&pool->wake);
    g_free(pool);
}

/*
 * The next thing to do; NULL when the thread is to end: closed, or another one waits for work already. So there is never more
 * than one that waits, however many there have been. Locked.
 */
static Work *
take(NodePool *pool)
{
    if (pool->waiting.length == 0 && pool->n_idle > 0)
        return NULL;
    pool->n_idle++;
    while (pool->waiting.length == 0 && !pool->is_closed)
        g_cond_wait(&pool->wake, &pool->lock);
    pool->n_idle--;
    return g_queue_pop_head(&pool->waiting);
}

static gpointer
work(gpointer data)
{
    NodePool *pool = data;
    Work *next;

    g_mutex_lock(&pool->lock);
    while ((next = take(pool))) {
        g_mutex_unlock(&pool->lock);
        next->func(next->data);
        g_free(next);
        g_mutex_lock(&pool->lock);
    }
    bool is_last = --pool->n_threads == 0;
    g_mutex_unlock(&pool->lock);
    if (is_last) /* closed: else one stays */
        free_now(pool);
    return NULL;
}

/* Locked. */
static bool
add_thread(NodePool *pool, GError **error)
{
    GThread *thread = g_thread_try_new("worker", work, pool, error);

    if (!thread)
        return false;
    g_thread_unref(thread);
    pool->n_threads++;
    return true;
}

NodePool *
node_pool_new(guint max_threads, GError **error)
{
    NodePool *pool = g_new0(NodePool, 1);

    g_mutex_init(&pool->lock);
    g_cond_init(&pool->wake);
    g_queue_init(&pool->waiting);
    pool->max_threads = max_threads;
    g_mutex_lock(&pool->lock);
    bool has_thread = add_thread(pool, error);
    g_mutex_unlock(&pool->lock);
    if (has_thread)
        return pool;
    free_now(pool);
    return NULL;
}

void
node_pool_free(NodePool *pool)
{
    if (!pool)
        return;
    g_mutex_lock(&pool->lock);
    pool->is_closed = true;
    g_cond_broadcast(&pool->wake);
    g_mutex_unlock(&pool->lock);
}

void
node_pool_push(NodePool *pool, void (*func)(gpointer data), gpointer data)
{
    Work *next = g_new(Work, 1);
    g_autoptr(GError) error = NULL;

    *next = (Work){.func = func, .data = data};
    g_mutex_lock(&pool->lock);
    g_queue_push_tail(&pool->waiting, next);
    if (pool->waiting.length <= pool->n_idle || pool->n_threads >= pool->max_threads)
        g_cond_signal(&pool->wake);
    else if (!add_thread(pool, &error))
        g_message("work waits for a thread: %s", error->message);
    g_mutex_unlock(&pool->lock);
}
