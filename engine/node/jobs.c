/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A job is a list of items, one a guest. Items wait until a place is free, then hold their guest's job lock and its
 * monitor, run in a worker, and give both back in the main loop.
 */
#include "node/jobs.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest/error.h"
#include "node/guests.h"
#include "node/job-item.h"
#include "node/state.h"
#include "node/worker.h"
#include "qmp/json.h"

#define MAX_ENDED_JOBS 32

static const char *const kind_names[] = {
    [NODE_JOB_UPGRADE] = "upgrade", [NODE_JOB_PLAN] = "plan", [NODE_JOB_CHECK] = "check"};

static void
close_cancel_fd(NodeJob *job)
{
    if (job->cancel_fd >= 0)
        close(job->cancel_fd);
    job->cancel_fd = -1;
}

static void
job_free(gpointer data)
{
    NodeJob *job = data;

    g_free(job->started);
    g_free(job->to);
    g_free(job->method);
    g_ptr_array_unref(job->items);
    json_object_put(job->results);
    close_cancel_fd(job);
    g_clear_error(&job->error);
    g_free(job);
}

GPtrArray *
node_jobs_new_list(void)
{
    return g_ptr_array_new_with_free_func(job_free);
}

static NodeJob *
find_running(const Node *node, guint64 id)
{
    for (guint i = 0; i < node->jobs->len; i++) {
        NodeJob *job = g_ptr_array_index(node->jobs, i);
        if (job->id == id && !job->is_done)
            return job;
    }
    return NULL;
}

/* Where there is no descriptor to cancel it by, nothing of it is begun. */
static bool
open_cancel_fd(NodeJob *job)
{
    job->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (job->cancel_fd >= 0)
        return true;
    guest_error_set(&job->error, GUEST_ERROR_FAILED, "no-descriptors", "raise the engine's limit of open files (LimitNOFILE=)",
                    "the job is not begun: %s", g_strerror(errno));
    return false;
}

/* Keeps the last few for `moult jobs`; checks and plans are of no interest once they are answered. */
static void
forget_old_jobs(Node *node)
{
    guint n_ended = 0;

    for (guint i = node->jobs->len; i-- > 0;) {
        const NodeJob *job = g_ptr_array_index(node->jobs, i);
        if (job->is_done && (job->request.kind != NODE_JOB_UPGRADE || ++n_ended > MAX_ENDED_JOBS))
            g_ptr_array_remove_index(node->jobs, i);
    }
}

static void
end_job(NodeJob *job)
{
    Node *node = job->node;

    job->is_done = true;
    close_cancel_fd(job); /* it is listed for long, and cannot be cancelled any more */
    job->results = json_object_new_array();
    for (guint i = 0; i < job->items->len; i++) {
        const NodeJobItem *item = g_ptr_array_index(job->items, i);
        json_object_array_add(job->results, json_object_get(item->result));
    }
    if (job->done)
        job->done(job->id, job->results, job->user_data);
    forget_old_jobs(node);
}

static void start_items(NodeJob *job);

static void
item_done(gpointer data)
{
    NodeJobItem *item = data;
    NodeJob *job = item->job;

    node_job_item_finish(item);
    job->n_running--;
    start_items(job);
}

static bool
hold_guest(NodeJobItem *item, GError **error)
{
    NodeJob *job = item->job;
    bool is_upgrade = job->request.kind == NODE_JOB_UPGRADE;
    g_autoptr(ObjlistDomain) domain = node_guests_find_running(job->node, item->guest, error);

    if (!domain || !node_guests_begin_job(domain, kind_names[job->request.kind], is_upgrade ? job->id : 0, error))
        return false;
    item->domain = g_steal_pointer(&domain);
    return true;
}

static void
start_item(NodeJobItem *item)
{
    GError *error = NULL;

    item->is_started = true;
    if (item->job->error) {
        node_job_item_refuse(item, item->job->error);
        return;
    }
    if (!hold_guest(item, &error)) {
        node_job_item_refuse(item, error);
        g_error_free(error);
        return;
    }
    item->job->n_running++;
    node_job_item_prepare(item);
    node_worker_start(item->job->node, node_job_item_run, item_done, item);
}

static void
start_items(NodeJob *job)
{
    for (guint i = 0; i < job->items->len && job->n_running < job->request.parallel; i++) {
        NodeJobItem *item = g_ptr_array_index(job->items, i);
        if (!item->is_started)
            start_item(item);
    }
    if (job->n_running == 0)
        end_job(job);
}

static gboolean
start_in_main_loop(gpointer data)
{
    start_items(data);
    return G_SOURCE_REMOVE;
}

static NodeJobItem *
item_new(NodeJob *job, const char *guest)
{
    NodeJobItem *item = g_new0(NodeJobItem, 1);

    item->job = job;
    item->guest = g_strdup(guest);
    return item;
}

static void
cancel(NodeJob *job, json_object *late)
{
    guint64 one = 1;

    if (write(job->cancel_fd, &one, sizeof one) < 0)
        g_debug("job %" G_GUINT64_FORMAT " was cancelled already", job->id);
    for (guint i = 0; i < job->items->len; i++) {
        const NodeJobItem *item = g_ptr_array_index(job->items, i);
        if (late && item->upgrade && upgrade_has_passed_no_return(item->upgrade))
            json_object_array_add(late, qmp_json_string_new(item->guest));
    }
}

guint64
node_jobs_start(Node *node, const char *const *names, const NodeJobRequest *request, NodeJobProgressFunc progress,
                NodeJobDoneFunc done, gpointer user_data)
{
    NodeJob *job = g_new0(NodeJob, 1);

    job->node = node;
    job->id = ++node->last_job_id;
    job->request = *request;
    job->request.request.to = job->to = g_strdup(request->request.to);
    job->request.request.method = job->method = g_strdup(request->request.method);
    if (job->request.parallel == 0)
        job->request.parallel = g_get_num_processors();
    job->items = g_ptr_array_new_with_free_func(node_job_item_free);
    job->started = guest_instance_dup_now();
    if (open_cancel_fd(job) && node->is_leaving)
        cancel(job, NULL);
    job->progress = progress;
    job->done = done;
    job->user_data = user_data;
    for (const char *const *name = names; *name; name++)
        g_ptr_array_add(job->items, item_new(job, *name));
    g_ptr_array_add(node->jobs, job);
    /* The caller knows the number before anything of the job is told. */
    g_idle_add(start_in_main_loop, job);
    return job->id;
}

void
node_jobs_forget_client(Node *node, guint64 id)
{
    NodeJob *job = find_running(node, id);

    if (!job)
        return;
    job->progress = NULL;
    job->done = NULL;
}

bool
node_jobs_cancel(Node *node, guint64 id, json_object **ret_late)
{
    NodeJob *job = find_running(node, id);

    if (!job)
        return false;
    *ret_late = json_object_new_array();
    cancel(job, *ret_late);
    return true;
}

void
node_jobs_cancel_all(Node *node)
{
    for (guint i = 0; i < node->jobs->len; i++) {
        NodeJob *job = g_ptr_array_index(node->jobs, i);
        if (!job->is_done)
            cancel(job, NULL);
    }
}

bool
node_jobs_any_running(const Node *node)
{
    for (guint i = 0; i < node->jobs->len; i++)
        if (!((const NodeJob *)g_ptr_array_index(node->jobs, i))->is_done)
            return true;
    return false;
}

static json_object *
describe(const NodeJob *job)
{
    json_object *object = json_object_new_object();
    json_object *guests = json_object_new_array();
    json_object *progress = json_object_new_array();

    for (guint i = 0; i < job->items->len; i++) {
        const NodeJobItem *item = g_ptr_array_index(job->items, i);
        json_object_array_add(guests, qmp_json_string_new(item->guest));
        if (item->progress && !item->result)
            json_object_array_add(progress, json_object_get(item->progress));
    }
    qmp_json_add_uint64(object, "id", job->id);
    qmp_json_add_string(object, "kind", kind_names[job->request.kind]);
    qmp_json_add_string(object, "state", job->is_done ? "done" : "running");
    qmp_json_add_value(object, "guests", guests);
    qmp_json_add_string(object, "started", job->started);
    qmp_json_add_value(object, "progress", progress);
    qmp_json_add_value(object, "results", job->results ? json_object_get(job->results) : json_object_new_array());
    return object;
}

json_object *
node_jobs_describe(const Node *node)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < node->jobs->len; i++) {
        const NodeJob *job = g_ptr_array_index(node->jobs, i);
        if (job->request.kind == NODE_JOB_UPGRADE)
            json_object_array_add(array, describe(job));
    }
    return array;
}
