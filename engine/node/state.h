/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of the node, shared by the files of this folder only.
 */
#pragma once

#include "node/events.h"
#include "node/node.h"
#include "node/pool.h"
#include "paths/dirs.h"

struct Node {
    GuestEnvironment environment;
    PathsDirs *dirs;
    int lock_fd;
    NodePool *pool;       /* worker.c */
    NodeEvents *events;
    GHashTable *watches;  /* ObjlistDomain (own reference) -> NodeWatch: supervise.c */
    GPtrArray *waiters;   /* NodeWaiter: wait.c */
    GHashTable *endings;  /* guest name -> its last `End`: ending.c */
    GPtrArray *jobs;      /* NodeJob, newest last: jobs.c */
    guint64 last_job_id;
    GHashTable *standoffs; /* name -> Standoff: standoff.c */
    bool is_leaving;      /* whatever is begun now is cancelled at once */
    guint n_taken_up;     /* upgrades that are being ended: takeup.c */
    guint n_workers;      /* worker threads under way: worker.c */
    guint trim_id;        /* trim.c; 0: nothing to do */
    void (*busy_func)(gpointer user_data);
    gpointer busy_data;
};

/* To be called after each change of n_workers. */
void node_notify_busy(Node *node);
