/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/job.h"

#include "cli/engine.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "qmp/json.h"

typedef struct {
    CliClient *client;
    CliProgress *progress;
    int signal_fd;
    gint64 id; /* of the job; -1 before the engine has told it */
    bool cancel_wanted, cancel_sent;
} Job;

json_object *
cli_job_cancel(gint64 job, GError **error)
{
    json_object *parameters = json_object_new_object();
    g_autoptr(CliClient) client = cli_engine_connect(error);

    qmp_json_add_int64(parameters, "job", job);
    if (client)
        return cli_client_call(client, "io.moult.Cancel", parameters, CLI_CLIENT_ANSWER_MS, error);
    json_object_put(parameters);
    return NULL;
}

guint
cli_job_print_late(json_object *reply)
{
    g_auto(GStrv) late = qmp_json_dup_strv(reply, "late");

    for (size_t i = 0; late && late[i]; i++)
        cli_error_print_parts(late[i], "too late to cancel: the new QEMU has taken over already", NULL, NULL);
    return late ? g_strv_length(late) : 0;
}

/* On another connection: this one is busy with the job. */
static void
job_send_cancel(Job *job)
{
    g_autoptr(GError) local_error = NULL;
    g_autoptr(json_object) reply = NULL;

    if (!job->cancel_wanted || job->cancel_sent || job->id < 0)
        return;
    job->cancel_sent = true;
    cli_progress_clear(job->progress);
    g_printerr("moult: cancelling job %" G_GINT64_FORMAT "\n", job->id);
    reply = cli_job_cancel(job->id, &local_error);
    if (reply)
        (void)cli_job_print_late(reply);
    else
        cli_error_print(local_error);
}

/* A signal has come. False when it was the second. */
static bool
job_take_signal(Job *job, GError **error)
{
    (void)cli_signals_take(job->signal_fd);
    if (job->cancel_wanted) {
        cli_progress_clear(job->progress);
        cli_error_set(error, CLI_EXIT_FAILED,
                      "not waiting any longer: job %" G_GINT64_FORMAT " goes on in the engine", job->id);
        cli_error_add_hint(*error, "moult jobs shows what becomes of it");
        return false;
    }
    job->cancel_wanted = true;
    job_send_cancel(job);
    return true;
}

static void
job_take_reply(Job *job, json_object *reply)
{
    json_object *step = qmp_json_get_object(reply, "progress");

    (void)qmp_json_get_int64(reply, "job", &job->id);
    if (step)
        cli_progress_show(job->progress, step);
    job_send_cancel(job);
}

/* The last reply; NULL on failure. How long it takes is bounded by the engine, guest by guest. */
static json_object *
job_follow(Job *job, GError **error)
{
    QmpWait wait = {.deadline_us = CLI_CLIENT_NO_DEADLINE, .cancel_fd = job->signal_fd};

    for (;;) {
        g_autoptr(json_object) reply = NULL;

        switch (cli_client_receive(job->client, &wait, &reply, error)) {
        case CLI_CLIENT_LAST:
            return g_steal_pointer(&reply);
        case CLI_CLIENT_CONTINUES:
            job_take_reply(job, reply);
            break;
        case CLI_CLIENT_CANCELLED:
            if (!job_take_signal(job, error))
                return NULL;
            break;
        case CLI_CLIENT_FAILED:
            return NULL;
        }
    }
}

json_object *
cli_job_upgrade(json_object *parameters, GError **error)
{
    g_autoptr(json_object) owned = parameters;
    g_autoptr(CliClient) client = cli_engine_connect(error);
    g_autoptr(CliProgress) progress = cli_progress_new();
    Job job = {.client = client, .progress = progress, .id = -1};
    g_autoptr(GError) local_error = NULL;

    if (!client)
        return NULL;
    job.signal_fd = cli_signals_open();
    if (!cli_client_send(client, "io.moult.Upgrade", g_steal_pointer(&owned), CLI_CLIENT_MORE_REPLIES, error))
        return NULL;
    json_object *reply = job_follow(&job, &local_error);
    if (!reply) {
        if (cli_error_get_exit(local_error) == CLI_EXIT_UNREACHABLE)
            cli_error_add_hint(local_error,
                               "the guests are not affected; moult list and moult history tell how "
                               "far it came");
        g_propagate_error(error, g_steal_pointer(&local_error));
    }
    return reply;
}
