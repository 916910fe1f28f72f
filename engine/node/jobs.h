/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: one thing done to several guests in worker threads, a bounded number of them at once.
 */
#pragma once

#include <json-c/json.h>

#include "node/node.h"
#include "upgrade/upgrade.h"

typedef enum {
    NODE_JOB_UPGRADE, /* results: `Result` */
    NODE_JOB_PLAN,    /* results: `Plan` */
    NODE_JOB_CHECK    /* results: `CheckResult` */
} NodeJobKind;

typedef struct {
    NodeJobKind kind;
    UpgradeRequest request; /* borrowed strings */
    guint parallel;         /* 0: as many as there are processors */
} NodeJobRequest;

/* Called in the main loop: PROGRESS (`Progress`, borrowed) as often as there is some, RESULTS (array, borrowed) once. */
typedef void (*NodeJobProgressFunc)(guint64 job, json_object *progress, gpointer user_data);
typedef void (*NodeJobDoneFunc)(guint64 job, json_object *results, gpointer user_data);

/*
 * Starts the job for the guests NAMED (NULL-terminated) and returns its number. A guest that is unknown, shut off or
 * held by another job has its result at once ("refused"); the others go on.
 */
guint64 node_jobs_start(Node *node, const char *const *names, const NodeJobRequest *request,
                        NodeJobProgressFunc progress, NodeJobDoneFunc done, gpointer user_data);
/* The functions of a job that is under way will not be called any more. */
void node_jobs_forget_client(Node *node, guint64 job);

/*
 * Asks the upgrades of JOB to roll back. RET_LATE: names of the guests for which the point of no return has
 * passed (JSON array, owned). FALSE when no such job is under way.
 */
bool node_jobs_cancel(Node *node, guint64 job, json_object **ret_late);
void node_jobs_cancel_all(Node *node);
bool node_jobs_any_running(const Node *node);

/* Array of `Job`: those under way and the last ones that have ended; owned. */
json_object *node_jobs_describe(const Node *node);

/* For node_new alone. */
GPtrArray *node_jobs_new_list(void);
