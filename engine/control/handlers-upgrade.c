/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Check and Upgrade: the methods that are jobs.
 */
#include "control/handlers.h"

#include "node/describe.h"
#include "node/jobs.h"
#include "qmp/json.h"

#define MAX_PARALLEL 64
#define MAX_DOWNTIME_MS 2000000 /* QEMU's own bound */

typedef struct {
    ControlCall *call;
    Node *node;
    guint64 job;
    const char *results_key; /* "results", "plans", "checks" */
} JobCall;

static JobCall *
job_call_new(ControlCall *call, Node *node, const char *results_key)
{
    JobCall *job_call = g_new0(JobCall, 1);

    *job_call = (JobCall){.call = control_call_ref(call), .node = node, .results_key = results_key};
    return job_call;
}

static void
job_call_free(JobCall *job_call)
{
    control_call_unref(job_call->call);
    g_free(job_call);
}

static json_object *
reply_of(const JobCall *job_call, bool with_job)
{
    json_object *reply = json_object_new_object();

    if (with_job)
        qmp_json_add_uint64(reply, "job", job_call->job);
    return reply;
}

static void
on_progress(guint64 job G_GNUC_UNUSED, json_object *progress, gpointer user_data)
{
    JobCall *job_call = user_data;
    json_object *reply = reply_of(job_call, true);

    qmp_json_add_value(reply, "progress", json_object_get(progress));
    control_call_reply_continues(job_call->call, reply);
}

static void
on_done(guint64 job G_GNUC_UNUSED, json_object *results, gpointer user_data)
{
    JobCall *job_call = user_data;
    json_object *reply = reply_of(job_call, g_str_equal(job_call->results_key, "results"));

    qmp_json_add_value(reply, job_call->results_key, json_object_get(results));
    control_call_set_closed_func(job_call->call, NULL, NULL);
    control_call_reply(job_call->call, reply);
    job_call_free(job_call);
}

/* A client that leaves cancels nothing: the job goes on without an audience. */
static void
on_client_left(ControlCall *call G_GNUC_UNUSED, gpointer user_data)
{
    JobCall *job_call = user_data;

    node_jobs_forget_client(job_call->node, job_call->job);
    job_call_free(job_call);
}

static char **
names_of(json_object *guests)
{
    GPtrArray *names = g_ptr_array_new();

    for (size_t i = 0; i < json_object_array_length(guests); i++)
        g_ptr_array_add(names, g_strdup(qmp_json_get_string(json_object_array_get_idx(guests, i), "name")));
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* Twice the same name is once the same guest. */
static char **
without_repeats(char **names)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);

    for (char **name = names; *name; name++)
        if (!g_ptr_array_find_with_equal_func(kept, *name, g_str_equal, NULL))
            g_ptr_array_add(kept, g_strdup(*name));
    g_strfreev(names);
    g_ptr_array_add(kept, NULL);
    return (char **)g_ptr_array_steal(kept, NULL);
}

/* The guests a call is about; NULL when it names none in any way. */
static char **
select_guests(Node *node, json_object *parameters)
{
    bool all = false, outdated = false;

    qmp_json_get_bool(parameters, "all", &all);
    qmp_json_get_bool(parameters, "outdated", &outdated);
    if (all || outdated) {
        g_autoptr(json_object) guests = node_describe_all(node, false, outdated);
        return names_of(guests);
    }
    char **names = qmp_json_dup_strv(parameters, "guests");
    return names ? without_repeats(names) : NULL;
}

static bool
read_request(ControlCall *call, json_object *parameters, NodeJobRequest *request)
{
    gint64 parallel = 0;
    const char *to = qmp_json_get_string(parameters, "to");
    const char *method = qmp_json_get_string(parameters, "method");

    qmp_json_get_bool(parameters, "paused", &request->request.start_paused);
    qmp_json_get_int64(parameters, "timeout_ms", &request->request.timeout_ms);
    qmp_json_get_int64(parameters, "max_downtime_ms", &request->request.max_downtime_ms);
    qmp_json_get_int64(parameters, "parallel", &parallel);
    if (to && !g_path_is_absolute(to))
        control_call_fail_invalid_parameter(call, "to");
    else if (parallel < 0 || parallel > MAX_PARALLEL)
        control_call_fail_invalid_parameter(call, "parallel");
    else if (request->request.timeout_ms < 0)
        control_call_fail_invalid_parameter(call, "timeout_ms");
    else if (request->request.max_downtime_ms < 0 || request->request.max_downtime_ms > MAX_DOWNTIME_MS)
        control_call_fail_invalid_parameter(call, "max_downtime_ms");
    else {
        request->parallel = (guint)parallel;
        request->request.to = (char *)to;
        request->request.method = (char *)(method ? method : "auto");
        return true;
    }
    return false;
}

static void
start_job(ControlCall *call, Node *node, char **names, const NodeJobRequest *request, const char *results_key)
{
    bool streams = request->kind == NODE_JOB_UPGRADE && control_call_wants_more(call);

    if (request->kind == NODE_JOB_UPGRADE && !streams) {
        json_object *reply = json_object_new_object();
        guint64 job = node_jobs_start(node, (const char *const *)names, request, NULL, NULL, NULL);
        qmp_json_add_uint64(reply, "job", job);
        control_call_reply(call, reply);
        return;
    }
    JobCall *job_call = job_call_new(call, node, results_key);
    job_call->job = node_jobs_start(node, (const char *const *)names, request, streams ? on_progress : NULL, on_done, job_call);
    control_call_set_closed_func(call, on_client_left, job_call);
    if (streams)
        control_call_reply_continues(call, reply_of(job_call, true));
}

void
control_handle_upgrade(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    NodeJobRequest request = {.kind = NODE_JOB_UPGRADE};
    bool dry_run = false;

    if (!read_request(call, parameters, &request))
        return;
    g_auto(GStrv) names = select_guests(context->node, parameters);
    if (!names) {
        control_call_fail_invalid_parameter(call, "guests");
        return;
    }
    qmp_json_get_bool(parameters, "dry_run", &dry_run);
    request.kind = dry_run ? NODE_JOB_PLAN : NODE_JOB_UPGRADE;
    start_job(call, context->node, names, &request, dry_run ? "plans" : "results");
}

void
control_handle_check(ControlCall *call, json_object *parameters, gpointer user_data)
{
    ControlContext *context = user_data;
    NodeJobRequest request = {.kind = NODE_JOB_CHECK};

    if (!read_request(call, parameters, &request))
        return;
    g_auto(GStrv) names = select_guests(context->node, parameters);
    if (names)
        start_job(call, context->node, names, &request, "checks");
    else
        control_call_fail_invalid_parameter(call, "guests");
}
