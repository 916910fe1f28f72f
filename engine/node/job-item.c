/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/job-item.h"

#include "guest/error.h"
#include "guest/monitor.h"
#include "node/check.h"
#include "node/outcome.h"
#include "node/state.h"
#include "node/supervise.h"
#include "node/worker.h"
#include "qemu/finding.h"
#include "qmp/json.h"

#define RECONNECT_TIMEOUT_MS 3000

void
node_job_item_free(gpointer data)
{
    NodeJobItem *item = data;

    g_free(item->guest);
    if (item->domain)
        objlist_domain_unref(item->domain);
    upgrade_free(item->upgrade);
    json_object_put(item->progress);
    json_object_put(item->result);
    g_free(item);
}

static json_object *
refusal_rows(const GError *error)
{
    g_autoptr(GPtrArray) findings = qemu_findings_new();

    qemu_findings_add(findings, QEMU_FINDING_BLOCK, guest_error_get_code(error), guest_error_get_hint(error), "%s",
                      error->message);
    return qemu_findings_to_json(findings);
}

/* As upgrade_run has it for what was not begun. */
static const char *
outcome_of(const GError *error)
{
    switch (guest_error_get_kind(error)) {
    case GUEST_ERROR_NEEDS_OPERATOR:
        return "needs-operator";
    case GUEST_ERROR_REFUSED:
        return "refused";
    case GUEST_ERROR_FAILED:
    case GUEST_ERROR_TIMED_OUT:
    case GUEST_ERROR_CANCELLED:
        break;
    }
    return "rolled-back";
}

void
node_job_item_refuse(NodeJobItem *item, const GError *error)
{
    json_object *result = json_object_new_object();

    qmp_json_add_string(result, "guest", item->guest);
    switch (item->job->request.kind) {
    case NODE_JOB_UPGRADE: {
        qmp_json_add_string(result, "outcome", outcome_of(error));
        qmp_json_add_string(result, "code", guest_error_get_code(error));
        qmp_json_add_string(result, "message", error->message);
        qmp_json_add_string(result, "hint", guest_error_get_hint(error));
        break;
    }
    case NODE_JOB_PLAN:
        qmp_json_add_value(result, "rows", refusal_rows(error));
        qmp_json_add_value(result, "steps", json_object_new_array());
        qmp_json_add_value(result, "command_line", json_object_new_array());
        break;
    case NODE_JOB_CHECK:
        qmp_json_add_bool(result, "upgradable", false);
        qmp_json_add_value(result, "rows", refusal_rows(error));
        break;
    }
    item->result = result;
}

typedef struct {
    Node *node;
    guint64 job;
    json_object *progress;
} ProgressMessage;

static NodeJobItem *
find_item(const Node *node, guint64 job_id, const char *guest, NodeJob **ret_job)
{
    for (guint i = 0; i < node->jobs->len; i++) {
        NodeJob *job = g_ptr_array_index(node->jobs, i);
        for (guint j = 0; job->id == job_id && j < job->items->len; j++) {
            NodeJobItem *item = g_ptr_array_index(job->items, j);
            *ret_job = job;
            if (g_str_equal(item->guest, guest))
                return item;
        }
    }
    return NULL;
}

static gboolean
tell_progress(gpointer data)
{
    ProgressMessage *message = data;
    const char *guest = qmp_json_get_string(message->progress, "guest");
    NodeJob *job = NULL;
    NodeJobItem *item = find_item(message->node, message->job, guest, &job);

    if (item) {
        json_object_put(item->progress);
        item->progress = json_object_get(message->progress);
        if (job->progress)
            job->progress(job->id, message->progress, job->user_data);
        node_events_emit(message->node->events, "upgrade-phase", guest, 0, json_object_get(message->progress));
    }
    json_object_put(message->progress);
    g_free(message);
    return G_SOURCE_REMOVE;
}

/* Worker thread. */
static void
on_progress(const UpgradeProgress *progress, gpointer user_data)
{
    const NodeJobItem *item = user_data;
    ProgressMessage *message = g_new(ProgressMessage, 1);

    *message = (ProgressMessage){.node = item->job->node, .job = item->job->id, .progress = json_object_new_object()};
    qmp_json_add_string(message->progress, "guest", progress->guest);
    qmp_json_add_string(message->progress, "phase", progress->phase);
    qmp_json_add_string(message->progress, "step", progress->step);
    if (progress->total_bytes > 0) {
        qmp_json_add_int64(message->progress, "copied_bytes", progress->copied_bytes);
        qmp_json_add_int64(message->progress, "total_bytes", progress->total_bytes);
    }
    node_worker_tell(tell_progress, message);
}

void
node_job_item_prepare(NodeJobItem *item)
{
    NodeJob *job = item->job;

    node_supervise_stop(job->node, item->domain);
    if (job->request.kind != NODE_JOB_CHECK)
        item->upgrade = upgrade_new(&job->node->environment, item->domain, &job->request.request, job->cancel_fd,
                                    on_progress, item);
}

/* A monitor that broke while nobody needed it. */
static void
reconnect(const NodeJobItem *item)
{
    GuestInstance *instance = objlist_domain_get_data(item->domain);
    QmpWait wait = qmp_wait_from_now(RECONNECT_TIMEOUT_MS, item->job->cancel_fd);

    if (instance->monitor && qmp_client_get_state(instance->monitor) != QMP_CLIENT_CLOSED)
        return;
    qmp_client_free(instance->monitor);
    instance->monitor = guest_monitor_connect(instance, objlist_domain_get_paths(item->domain), NULL);
    if (instance->monitor && !qmp_client_wait_ready(instance->monitor, &wait, NULL))
        g_clear_pointer(&instance->monitor, qmp_client_free);
}

void
node_job_item_run(gpointer data)
{
    NodeJobItem *item = data;
    NodeJob *job = item->job;

    reconnect(item);
    switch (job->request.kind) {
    case NODE_JOB_UPGRADE:
        upgrade_run(item->upgrade);
        break;
    case NODE_JOB_PLAN:
        item->result = upgrade_plan(item->upgrade);
        break;
    case NODE_JOB_CHECK:
        item->result = node_check_guest(&job->node->environment, item->domain, &job->request.request, job->cancel_fd);
        break;
    }
}

void
node_job_item_finish(NodeJobItem *item)
{
    if (item->job->request.kind == NODE_JOB_UPGRADE) {
        item->result = node_outcome_handle(item->job->node, item->upgrade, item->domain);
    } else {
        objlist_domain_end_job(item->domain);
        node_supervise_start(item->job->node, item->domain);
    }
    /* The upgrade's own handles go now; the job may be listed for long. */
    g_clear_pointer(&item->upgrade, upgrade_free);
    g_clear_pointer(&item->domain, objlist_domain_unref);
}
