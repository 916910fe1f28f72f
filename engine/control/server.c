/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/server.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/call-internal.h"

/* How long to leave the backlog alone when the process or the kernel has no descriptor left for another
 * client. */
#define ACCEPT_PAUSE_MS 1000

const ControlServerLimits CONTROL_SERVER_LIMITS = {
    .clients = 4096,
    .connection = {.stream = {.message_bytes = 1 << 20,
                              .message_cost_bytes = 16 << 20,
                              .depth = 32,
                              .output_bytes = 4 << 20},
                   .half_message_ms = 30000},
};

struct ControlServer {
    int fd;
    uid_t uid; /* the engine's own */
    GSource *accept_source, *pause_source;
    ControlServerLimits limits;
    ControlService *service;
    GHashTable *connections; /* set of ControlConnection, owned */
    ControlServerClientsFunc clients_func;
    gpointer clients_data;
};

static void
server_report_clients(ControlServer *server)
{
    if (server->clients_func)
        server->clients_func(server, control_server_count_clients(server), server->clients_data);
}

static void
server_handle(ControlCall *call, json_object *parameters, gpointer user_data)
{
    const ControlServer *server = user_data;
    uid_t uid = control_call_get_peer(call)->uid;

    if (uid != 0 && uid != server->uid)
        control_call_fail_permission(call);
    else
        control_service_handle(server->service, call, parameters);
}

static void
server_drop(ControlConnection *connection, gpointer user_data)
{
    ControlServer *server = user_data;

    g_hash_table_remove(server->connections, connection);
    server_report_clients(server);
}

static const ControlConnectionFuncs connection_funcs = {.handle = server_handle, .ended = server_drop};

/* Takes FD. */
static void
server_add_client(ControlServer *server, int fd)
{
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    ControlPeer peer;

    if (g_hash_table_size(server->connections) >= server->limits.clients) {
        g_message("control client refused: there are %u already", server->limits.clients);
        close(fd);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) {
        g_message("control client refused: cannot tell who it is: %s", g_strerror(errno));
        close(fd);
        return;
    }
    peer = (ControlPeer){.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
    g_hash_table_add(server->connections, control_connection_new(fd, &peer, &server->limits.connection,
                                                                 &connection_funcs, server));
    server_report_clients(server);
}

static void server_start_accepting(ControlServer *server);

static gboolean
server_end_pause(gpointer user_data)
{
    ControlServer *server = user_data;

    g_clear_pointer(&server->pause_source, g_source_unref);
    server_start_accepting(server);
    return G_SOURCE_REMOVE;
}

static void
server_stop_accepting(ControlServer *server)
{
    if (server->accept_source)
        g_source_destroy(server->accept_source);
    g_clear_pointer(&server->accept_source, g_source_unref);
    if (server->pause_source)
        g_source_destroy(server->pause_source);
    g_clear_pointer(&server->pause_source, g_source_unref);
}

/* A client that cannot be accepted keeps the listening socket readable: without a pause that would be a busy
 * loop. */
static void
server_pause_accepting(ControlServer *server)
{
    server_stop_accepting(server);
    server->pause_source = g_timeout_source_new(ACCEPT_PAUSE_MS);
    g_source_set_callback(server->pause_source, server_end_pause, server, NULL);
    g_source_attach(server->pause_source, g_main_context_get_thread_default());
}

/* Takes one client. False when none waits, or none can be taken. */
static bool
server_accept_one(ControlServer *server)
{
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        server_add_client(server, fd);
        return true;
    }
    /* Gone before we came to it. */
    if (errno == EINTR || errno == ECONNABORTED)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
        g_warning("cannot accept control clients for now: %s", g_strerror(errno));
        server_pause_accepting(server);
    }
    return false;
}

static gboolean
server_accept(gint fd, GIOCondition condition, gpointer user_data)
{
    (void)fd;
    (void)condition;
    /* Destroys the source when it pauses, which is as good as REMOVE. */
    server_accept_one(user_data);
    return G_SOURCE_CONTINUE;
}

static void
server_start_accepting(ControlServer *server)
{
    server->accept_source = g_unix_fd_source_new(server->fd, G_IO_IN);
    g_source_set_static_name(server->accept_source, "control socket");
    g_source_set_callback(server->accept_source, G_SOURCE_FUNC(server_accept), server, NULL);
    g_source_attach(server->accept_source, g_main_context_get_thread_default());
}

ControlServer *
control_server_new_with_limits(int listening_fd, const ControlMethod *methods, size_t n, gpointer user_data,
                               const ControlServerLimits *limits)
{
    ControlServer *server = g_new0(ControlServer, 1);

    g_unix_set_fd_nonblocking(listening_fd, TRUE, NULL);
    server->fd = listening_fd;
    server->uid = geteuid();
    server->limits = *limits;
    server->service = control_service_new(methods, n, user_data);
    server->connections = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)control_connection_free, NULL);
    server_start_accepting(server);
    return server;
}

ControlServer *
control_server_new(int listening_fd, const ControlMethod *methods, size_t n, gpointer user_data)
{
    return control_server_new_with_limits(listening_fd, methods, n, user_data, &CONTROL_SERVER_LIMITS);
}

void
control_server_free(ControlServer *server)
{
    if (!server)
        return;
    server_stop_accepting(server);
    g_hash_table_unref(server->connections);
    control_service_free(server->service);
    close(server->fd);
    g_free(server);
}

guint
control_server_count_clients(const ControlServer *server)
{
    return g_hash_table_size(server->connections);
}

void
control_server_set_clients_func(ControlServer *server, ControlServerClientsFunc func, gpointer user_data)
{
    server->clients_func = func;
    server->clients_data = user_data;
}

bool
control_server_accept_last(ControlServer *server)
{
    while (server_accept_one(server))
        continue;
    if (control_server_count_clients(server) > 0)
        return true;
    server_stop_accepting(server);
    return false;
}

static bool
server_has_output(const ControlServer *server)
{
    GHashTableIter iter;
    gpointer connection;

    g_hash_table_iter_init(&iter, server->connections);
    while (g_hash_table_iter_next(&iter, &connection, NULL))
        if (control_connection_has_output(connection))
            return true;
    return false;
}

static gboolean
server_end_drain(gpointer is_late)
{
    *(bool *)is_late = true;
    return G_SOURCE_CONTINUE;
}

void
control_server_drain(ControlServer *server, guint timeout_ms)
{
    GMainContext *context = g_main_context_get_thread_default();
    g_autoptr(GSource) timer = g_timeout_source_new(timeout_ms);
    bool is_late = false;

    server_stop_accepting(server);
    g_source_set_callback(timer, server_end_drain, &is_late, NULL);
    g_source_attach(timer, context);
    while (server_has_output(server) && !is_late)
        g_main_context_iteration(context, TRUE);
    g_source_destroy(timer);
}
