/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/node.h"

#include <unistd.h>

#include "node/ending.h"
#include "node/jobs.h"
#include "node/standoff.h"
#include "node/startup.h"
#include "node/state.h"
#include "node/supervise.h"
#include "node/trim.h"
#include "node/watch.h"
#include "node/worker.h"
#include "paths/lock.h"

Node *
node_new(Launcher *launcher, int steering_program, GError **error)
{
    g_autoptr(Node) node = g_new0(Node, 1);

    node->lock_fd = -1;
    node->environment.launcher = launcher;
    node->environment.steering_program = steering_program;
    node->dirs = paths_dirs_new(error);
    if (!node->dirs || !paths_dirs_create(node->dirs, error))
        return NULL;
    node->lock_fd = paths_lock_acquire(node->dirs->lock, 0, error);
    if (node->lock_fd < 0 || !paths_dirs_sweep(node->dirs, error))
        return NULL;
    node->pool = node_pool_new(NODE_WORKERS_MAX, error);
    if (!node->pool)
        return NULL;
    node->environment.dirs = node->dirs;
    node->environment.tables = objlist_tables_new();
    node->environment.binaries = qemu_binary_cache_new(launcher, node->dirs->cache);
    node->events = node_events_new();
    node->watches = node_supervise_new_table();
    node->waiters = node_ending_new_waiters();
    node->endings = node_ending_new_table();
    node->jobs = node_jobs_new_list();
    node->standoffs = node_standoff_new_table();
    return g_steal_pointer(&node);
}

void
node_free(Node *node)
{
    if (!node)
        return;
    node_pool_free(node->pool);
    node_trim_stop(node);
    g_clear_pointer(&node->watches, g_hash_table_unref);
    g_clear_pointer(&node->standoffs, g_hash_table_unref);
    g_clear_pointer(&node->jobs, g_ptr_array_unref);
    g_clear_pointer(&node->waiters, g_ptr_array_unref);
    g_clear_pointer(&node->endings, g_hash_table_unref);
    node_events_free(node->events);
    objlist_tables_free(node->environment.tables);
    qemu_binary_cache_free(node->environment.binaries);
    launcher_free(node->environment.launcher);
    if (node->environment.steering_program >= 0)
        close(node->environment.steering_program);
    if (node->lock_fd >= 0)
        close(node->lock_fd);
    paths_dirs_free(node->dirs);
    g_free(node);
}

bool
node_find_guests(Node *node, GError **error)
{
    return node_startup(node, error);
}

const GuestEnvironment *
node_get_environment(const Node *node)
{
    return &node->environment;
}

bool
node_is_busy(const Node *node)
{
    return node->n_workers > 0 || node_jobs_any_running(node);
}

void
node_set_busy_func(Node *node, void (*func)(gpointer user_data), gpointer user_data)
{
    node->busy_func = func;
    node->busy_data = user_data;
}

void
node_notify_busy(Node *node)
{
    if (node->busy_func)
        node->busy_func(node->busy_data);
}

static gboolean
set_flag(gpointer flag)
{
    *(bool *)flag = true;
    return G_SOURCE_CONTINUE;
}

bool
node_wind_up(Node *node, gint64 timeout_ms)
{
    bool is_late = false;

    node->is_leaving = true;
    node_jobs_cancel_all(node);
    guint timer = g_timeout_add((guint)timeout_ms, set_flag, &is_late);
    while (node_is_busy(node) && !is_late)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
    return !node_is_busy(node);
}

guint
node_watch(Node *node, const char *guest, NodeEventFunc func, gpointer user_data)
{
    return node_events_subscribe(node->events, guest, func, user_data);
}

void
node_unwatch(Node *node, guint id)
{
    node_events_unsubscribe(node->events, id);
}
