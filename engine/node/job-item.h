/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One guest of a job.
 */
#pragma once

#include "node/jobs.h"

typedef struct {
    Node *node;
    guint64 id;
    NodeJobRequest request;
    char *to, *method; /* what the request points to */
    GPtrArray *items;  /* NodeJobItem */
    guint n_running;
    bool is_done;
    char *started;
    json_object *results;
    int cancel_fd;     /* eventfd */
    GError *error;     /* why none of its items is begun; NULL: they are */
    NodeJobProgressFunc progress;
    NodeJobDoneFunc done;
    gpointer user_data;
} NodeJob;

typedef struct {
    NodeJob *job;
    char *guest;
    bool is_started;
    ObjlistDomain *domain; /* held by our job lock while the item runs */
    Upgrade *upgrade;
    json_object *progress; /* the last `Progress` */
    json_object *result;
} NodeJobItem;

void node_job_item_free(gpointer item);
/* ERROR as the item's result: nothing of it is run. */
void node_job_item_refuse(NodeJobItem *item, const GError *error);
/* Main loop: takes the guest's monitor. */
void node_job_item_prepare(NodeJobItem *item);
/* Worker. */
void node_job_item_run(gpointer item);
/* Main loop: gives guest and monitor back, keeps the result, writes history. */
void node_job_item_finish(NodeJobItem *item);
