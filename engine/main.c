/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * moultd: the per-node engine. Starts the launcher while it still has one thread, finds the guests again, gives up
 * what it does not need, serves the control socket, and leaves when it is idle or told to. Guests do not depend on it.
 */
#include <fcntl.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/handlers.h"
#include "control/listen.h"
#include "control/server.h"
#include "guest/tap-queue.h"
#include "guest/tap-steering.h"
#include "node/node.h"
#include "paths/error.h"
#include "process/confinement.h"
#include "process/launcher.h"
#include "unit/tell.h"
#include "upgrade/crash.h"

#define WIND_UP_TIMEOUT_MS 60000
#define DRAIN_TIMEOUT_MS 5000

/* What systemd and the CLI tell apart. */
#define EXIT_LOCKED 3

typedef struct {
    GMainLoop *loop;
    Node *node;
    ControlServer *server;
    gint idle_timeout_s; /* 0: stays */
    guint idle_source;
    int runtime_fd;    /* the folder of the socket; -1 when somebody else made the socket */
    char *socket_name; /* removed at the end; NULL when somebody else made it */
} Engine;

static gint option_timeout_s;
static gint option_ready_fd = -1;
static gint option_tell_main_pid;
static gint option_open_tap_queues;
static gboolean option_version;
static gboolean option_list_crash_points;

static const GOptionEntry options[] = {
    {"timeout", 0, 0, G_OPTION_ARG_INT, &option_timeout_s, "Leave after SECONDS without clients and work", "SECONDS"},
    {"ready-fd", 0, 0, G_OPTION_ARG_INT, &option_ready_fd, "Write R to FD once the socket is open, L when another engine runs", "FD"},
    {UNIT_TELL_OPTION, 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &option_tell_main_pid, "See unit/tell.h", "PID"},
    {GUEST_TAP_QUEUE_OPTION, 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &option_open_tap_queues, "See guest/tap-queue.h", "NUMBER"},
    {"list-crash-points", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &option_list_crash_points, "For tests/crash", NULL},
    {"version", 0, 0, G_OPTION_ARG_NONE, &option_version, "Show the version", NULL},
    {NULL},
};

static void update_idle(Engine *engine);

static gboolean
on_idle(gpointer user_data)
{
    Engine *engine = user_data;

    engine->idle_source = 0;
    if (engine->socket_name)
        control_listen_hide(engine->runtime_fd, engine->socket_name);
    if (!control_server_accept_last(engine->server))
        g_main_loop_quit(engine->loop);
    else if (engine->socket_name)
        control_listen_unhide(engine->runtime_fd, engine->socket_name);
    return G_SOURCE_REMOVE;
}

static void
update_idle(Engine *engine)
{
    bool is_idle = engine->idle_timeout_s > 0 && control_server_count_clients(engine->server) == 0 &&
                   !node_is_busy(engine->node);

    if (is_idle && !engine->idle_source)
        engine->idle_source = g_timeout_add_seconds((guint)engine->idle_timeout_s, on_idle, engine);
    else if (!is_idle && engine->idle_source)
        g_clear_handle_id(&engine->idle_source, g_source_remove);
}

static void
on_busy_changed(gpointer user_data)
{
    update_idle(user_data);
}

static void
on_clients_changed(ControlServer *server G_GNUC_UNUSED, guint n_clients G_GNUC_UNUSED, gpointer user_data)
{
    update_idle(user_data);
}

static gboolean
on_terminate(gpointer user_data)
{
    Engine *engine = user_data;

    g_main_loop_quit(engine->loop);
    return G_SOURCE_CONTINUE;
}

static int
listen_at(Engine *engine, GError **error)
{
    const PathsDirs *dirs = node_get_environment(engine->node)->dirs;
    int fd = -1;

    if (!control_listen_activated(&fd, error))
        return -1;
    if (fd >= 0)
        return fd;
    engine->runtime_fd = open(dirs->runtime, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *name = g_path_get_basename(dirs->control_socket);
    fd = control_listen_bind(engine->runtime_fd, name, error);
    if (fd >= 0)
        engine->socket_name = g_steal_pointer(&name);
    return fd;
}

/* "R" once the socket is open, "L" when another engine holds the lock; cli/spawn.h is the other end. */
static void
tell_starter(const char *byte)
{
    if (option_ready_fd < 0)
        return;
    if (write(option_ready_fd, byte, 1) < 0)
        g_debug("nobody waits for readiness");
    close(option_ready_fd);
    option_ready_fd = -1;
}

static bool
serve(Engine *engine, GError **error)
{
    static ControlContext context;
    size_t n_methods = 0;
    const ControlMethod *methods = control_handlers_get(&n_methods);
    int fd = listen_at(engine, error);

    if (fd < 0)
        return false;
    context.node = engine->node;
    engine->server = control_server_new(fd, methods, n_methods, &context);
    control_server_set_clients_func(engine->server, on_clients_changed, engine);
    node_set_busy_func(engine->node, on_busy_changed, engine);
    tell_starter("R");
    update_idle(engine);
    g_main_loop_run(engine->loop);
    return true;
}

static int
fail(const GError *error)
{
    bool is_locked = g_error_matches(error, PATHS_ERROR, PATHS_ERROR_BUSY);

    if (is_locked)
        tell_starter("L");
    g_printerr("moultd: %s\n", error->message);
    return is_locked ? EXIT_LOCKED : EXIT_FAILURE;
}

static int
run(Launcher *launcher)
{
    Engine engine = {.idle_timeout_s = option_timeout_s, .runtime_fd = -1};
    g_autoptr(GError) error = NULL;
    int steering_program = guest_tap_steering_load();

    /* Before anything starts a thread (GLib does for signals): capabilities are dropped thread by thread. */
    if (!confinement_apply(&error)) {
        launcher_free(launcher);
        return fail(error);
    }
    g_autoptr(Node) node = node_new(launcher, steering_program, &error);

    if (!node || !node_find_guests(node, &error))
        return fail(error);
    engine.node = node;
    engine.loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, on_terminate, &engine);
    g_unix_signal_add(SIGINT, on_terminate, &engine);
    bool served = serve(&engine, &error);
    node_set_busy_func(node, NULL, NULL);
    if (served && !node_wind_up(node, WIND_UP_TIMEOUT_MS)) {
        g_warning("upgrades are still under way; the next engine takes them up");
        g_steal_pointer(&node); /* their threads use it as long as this process lives */
    }
    if (engine.server) {
        control_server_drain(engine.server, DRAIN_TIMEOUT_MS); /* what was rolled back just now must not look like a lost engine */
        control_server_free(engine.server);
    }
    if (engine.socket_name)
        control_listen_remove(engine.runtime_fd, engine.socket_name);
    if (engine.runtime_fd >= 0)
        close(engine.runtime_fd);
    g_free(engine.socket_name);
    g_main_loop_unref(engine.loop);
    return served ? EXIT_SUCCESS : fail(error);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("- replace the QEMU under running guests");

    setlocale(LC_ALL, "");
    signal(SIGPIPE, SIG_IGN);
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        g_printerr("moultd: %s\nTry 'moultd --help'.\n", error ? error->message : "there are no arguments, only options");
        return 2;
    }
    if (option_version) {
        g_print("moultd %s\n", MOULT_VERSION);
        return EXIT_SUCCESS;
    }
    if (option_list_crash_points)
        return upgrade_crash_list() ? EXIT_SUCCESS : EXIT_FAILURE;
    if (option_tell_main_pid > 0)
        return unit_tell_run(option_tell_main_pid);
    if (option_open_tap_queues > 0)
        return guest_tap_queues_run(option_open_tap_queues);
    Launcher *launcher = launcher_start(&error);
    umask(0077); /* for what the engine makes; the launcher's QEMUs keep the mask that was inherited */
    return launcher ? run(launcher) : fail(error);
}
