/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An engine that does what a script says, so that the command line can be seen with engines that misbehave.
 * Started by `moult` itself as its moultd, with FAKE_SCRIPT naming a JSON file:
 *
 *   {"io.moult.List": [[STEP, ...], [STEP, ...]], ...}
 *
 * The n-th call of a method, over all engines with this runtime folder, takes the n-th list of steps (later
 * ones the last). Steps: {"reply":{}}, {"continues":{}}, {"error":"name","parameters":{}}, {"raw":"text"}
 * (without a NUL),
 * {"close":true}, {"exit":true} (all of the engine), {"signal":2} (to the client), {"await":"method"} (has
 * been called), {"gone":true} (waits until the client has closed). A method that is not in the script gets
 * MethodNotFound. What `start` says instead of a list: "die" (with last words), "mute", "ready-only" (nobody
 * listens).
 *
 * Every call is appended to RUN/calls.jsonl. It leaves a while after its last client. Takes the same lock as
 * moultd.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/listen.h"
#include "paths/dirs.h"
#include "qmp/json.h"
#include "qmp/stream.h"
#include "qmp/wait.h"

#define LIFE_S 30
#define LINGER_MS 300

static json_object *script;
static char *calls_path;
static GMutex lock;
static GCond changed;
static GHashTable *n_calls; /* method -> count; guarded by lock */
static guint n_clients;     /* guarded by lock */

static void
load_calls(void)
{
    g_autofree char *contents = NULL;

    n_calls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!g_file_get_contents(calls_path, &contents, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(contents, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        g_autoptr(json_object) call = qmp_json_parse(lines[i], strlen(lines[i]), 32, NULL);
        const char *method = qmp_json_get_string(call, "method");
        if (method)
            g_hash_table_insert(n_calls, g_strdup(method),
                                GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(n_calls, method)) + 1));
    }
}

/* Returns how many calls of its method there were before CALL. */
static guint
record_call(json_object *call)
{
    const char *method = qmp_json_get_string(call, "method");
    int fd = open(calls_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    g_mutex_lock(&lock);
    guint before = GPOINTER_TO_UINT(g_hash_table_lookup(n_calls, method));
    g_hash_table_insert(n_calls, g_strdup(method), GUINT_TO_POINTER(before + 1));
    dprintf(fd, "%s\n", qmp_json_to_text(call, NULL));
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
    close(fd);
    return before;
}

static void
await_call(const char *method)
{
    g_mutex_lock(&lock);
    while (!g_hash_table_contains(n_calls, method))
        g_cond_wait(&changed, &lock);
    g_mutex_unlock(&lock);
}

static void
signal_client(int fd, int number)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
        kill(peer.pid, number);
}

static void
send_reply(QmpStream *stream, json_object *step, const char *member, bool continues)
{
    g_autoptr(json_object) message = json_object_new_object();
    json_object *parameters = qmp_json_get_object(step, member);

    qmp_json_add_string(message, "error", qmp_json_get_string(step, "error"));
    json_object_object_add(message, "parameters",
                           parameters ? json_object_get(parameters) : json_object_new_object());
    if (continues)
        qmp_json_add_bool(message, "continues", true);
    (void)qmp_stream_send(stream, message, NULL);
}

/* False when the connection ends with this step. */
static bool
do_step(QmpStream *stream, json_object *step)
{
    const QmpWait wait = qmp_wait_from_now(LIFE_S * 1000, -1);
    int fd = qmp_stream_get_fd(stream);
    gint64 number;

    if (json_object_object_get(step, "reply"))
        send_reply(stream, step, "reply", false);
    else if (json_object_object_get(step, "continues"))
        send_reply(stream, step, "continues", true);
    else if (json_object_object_get(step, "error"))
        send_reply(stream, step, "parameters", false);
    else if (qmp_json_get_string(step, "raw"))
        (void)send(fd, qmp_json_get_string(step, "raw"), strlen(qmp_json_get_string(step, "raw")),
                   MSG_NOSIGNAL);
    else if (qmp_json_get_string(step, "await"))
        await_call(qmp_json_get_string(step, "await"));
    else if (qmp_json_get_int64(step, "signal", &number))
        signal_client(fd, (int)number);
    else if (json_object_object_get(step, "gone"))
        (void)qmp_wait_poll(&wait, fd, POLLRDHUP);
    else if (json_object_object_get(step, "exit"))
        _exit(0);
    else
        return false;
    return true;
}

static bool
answer(QmpStream *stream, json_object *call)
{
    json_object *lists = qmp_json_get_array(script, qmp_json_get_string(call, "method"));
    guint before = record_call(call);

    if (!lists) {
        g_autoptr(json_object) step = json_object_new_object();
        qmp_json_add_string(step, "error", "org.varlink.service.MethodNotFound");
        send_reply(stream, step, "parameters", false);
        return true;
    }
    json_object *steps = json_object_array_get_idx(lists, MIN(before, json_object_array_length(lists) - 1));
    for (size_t i = 0; i < json_object_array_length(steps); i++)
        if (!do_step(stream, json_object_array_get_idx(steps, i)))
            return false;
    return true;
}

static gpointer
serve_client(gpointer data)
{
    g_autoptr(QmpStream) stream =
        qmp_stream_new(GPOINTER_TO_INT(data), QMP_STREAM_NUL, &QMP_STREAM_LIMITS_CONTROL);
    const QmpWait wait = qmp_wait_from_now(LIFE_S * 1000, -1);

    for (bool open = true; open;) {
        g_autoptr(json_object) call = NULL;
        switch (qmp_stream_receive(stream, &call, NULL)) {
        case QMP_STREAM_MESSAGE:
            open = answer(stream, call);
            break;
        case QMP_STREAM_AGAIN:
            open = qmp_wait_poll(&wait, qmp_stream_get_fd(stream), POLLIN) == QMP_WAIT_READY;
            break;
        case QMP_STREAM_EOF:
        case QMP_STREAM_FAILED:
            open = false;
        }
    }
    g_mutex_lock(&lock);
    n_clients--;
    g_mutex_unlock(&lock);
    return NULL;
}

static bool
is_idle(void)
{
    g_mutex_lock(&lock);
    bool idle = n_clients == 0;
    g_mutex_unlock(&lock);
    return idle;
}

/* The socket stays behind, as it does when an engine crashes. */
static void
serve(int listening_fd)
{
    struct pollfd fds[] = {{.fd = listening_fd, .events = POLLIN}};

    for (;;) {
        if (poll(fds, 1, LINGER_MS) == 0 && is_idle())
            return;
        int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        g_mutex_lock(&lock);
        n_clients++;
        g_mutex_unlock(&lock);
        g_thread_unref(g_thread_new("client", serve_client, GINT_TO_POINTER(fd)));
    }
}

/* Tells the starter, and a test that waits for it at a FIFO. */
static int
leave_locked(int ready_fd)
{
    const char *fifo = g_getenv("FAKE_LOCKED_FIFO");

    if (fifo)
        close(open(fifo, O_WRONLY | O_CLOEXEC));
    (void)!write(ready_fd, "L", 1);
    return 1;
}

static int
misbehave(const char *how, int ready_fd)
{
    if (strcmp(how, "die") == 0)
        fputs("moultd: first words\nmoultd: last words\n", stderr);
    if (strcmp(how, "ready-only") == 0)
        (void)!write(ready_fd, "R", 1);
    return 1;
}

int
main(int argc, char **argv)
{
    g_autoptr(PathsDirs) dirs = paths_dirs_new(NULL);
    g_autofree char *text = NULL;
    size_t length;
    int ready_fd = argc == 5 && strcmp(argv[3], "--ready-fd") == 0 ? atoi(argv[4]) : -1;

    alarm(LIFE_S);
    if (!dirs || ready_fd < 0 || !g_file_get_contents(g_getenv("FAKE_SCRIPT"), &text, &length, NULL))
        return 2;
    script = qmp_json_parse(text, length, 32, NULL);
    calls_path = g_build_filename(dirs->runtime, "calls.jsonl", NULL);
    if (!script)
        return 2;
    if (qmp_json_get_string(script, "start"))
        return misbehave(qmp_json_get_string(script, "start"), ready_fd);
    int lock_fd = open(dirs->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (flock(lock_fd, LOCK_EX | LOCK_NB) < 0)
        return leave_locked(ready_fd);
    load_calls();
    int folder_fd = open(dirs->runtime, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    int listening_fd = control_listen_bind(folder_fd, "control.sock", NULL);
    if (listening_fd < 0 || write(ready_fd, "R", 1) != 1)
        return 2;
    close(ready_fd);
    serve(listening_fd);
    return 0;
}
