/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connecting is tried first, always: a socket unit of the service manager starts the engine by that alone. An
 * engine that we start says over a pipe when it listens, or that another one holds the lock. That other one
 * is either about to listen or about to leave; both are changes in the runtime folder, which is watched
 * meanwhile.
 */
#include "cli/engine.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/error.h"
#include "cli/spawn.h"
#include "paths/dirs.h"
#include "qmp/socket.h"
#include "qmp/stream.h"

#define START_TIMEOUT_MS 30000
/* An engine that has removed its socket and is about to leave makes no event when it does: it is looked for
 * again. */
#define LOOK_AGAIN_MS 200
#define FULL_PAUSE_MS 20
/* Engines that say they listen, and then do not. */
#define MAX_STARTS 3

/*
 * Whoever could make the runtime folder before us could listen in it: what a guest is started with is not for
 * everybody. Takes FD; -1 when somebody else's engine is behind it.
 */
static int
check_peer(int fd, const PathsDirs *dirs, GError **error)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        (peer.uid == 0 || peer.uid == geteuid()))
        return fd;
    close(fd);
    cli_error_set(error, CLI_EXIT_UNREACHABLE, "the engine at '%s' belongs to another user",
                  dirs->control_socket);
    return -1;
}

/*
 * Many commands at once can fill the socket's backlog: nothing tells when there is room again, so it is tried again. An
 * engine that hangs leaves it full.
 */
static int
connect_patiently(const PathsDirs *dirs, GError **error)
{
    QmpWait wait = qmp_wait_from_now(START_TIMEOUT_MS, -1);

    for (;;) {
        g_autoptr(GError) local_error = NULL;
        QmpWait pause = qmp_wait_within(&wait, FULL_PAUSE_MS);
        int fd = qmp_socket_connect(dirs->control_socket, &local_error);
        bool is_full = g_error_matches(local_error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL);
        if (fd >= 0 || !is_full || qmp_wait_check(&wait) != QMP_WAIT_READY) {
            if (fd < 0)
                g_propagate_error(error, g_steal_pointer(&local_error));
            return fd;
        }
        (void)qmp_wait_poll(&pause, -1, 0);
    }
}

/* -1 with no error: nobody is there. FULL, and permission, are failures that an engine more would not mend.
 */
static int
try_connect(const PathsDirs *dirs, bool *ret_absent, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    int fd = connect_patiently(dirs, &local_error);

    *ret_absent = false;
    if (fd >= 0)
        return check_peer(fd, dirs, error);
    if (g_error_matches(local_error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL)) {
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "the engine does not answer: %s", local_error->message);
        return -1;
    }
    if (access(dirs->control_socket, R_OK | W_OK) < 0 && errno == EACCES) {
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "%s", local_error->message);
        return -1;
    }
    *ret_absent = true;
    return -1;
}

/* Sees the socket being moved into place (control/listen.c). */
static int
watch_runtime_folder(const PathsDirs *dirs)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd >= 0)
        (void)inotify_add_watch(fd, dirs->runtime, IN_MOVED_TO);
    return fd;
}

/* Waits for a change; its nature does not matter, as everything is tried again after it. */
static bool
wait_for_change(int watch_fd, const QmpWait *wait, GError **error)
{
    QmpWait look = qmp_wait_within(wait, LOOK_AGAIN_MS);
    char events[4096];

    if (qmp_wait_check(wait) != QMP_WAIT_READY) {
        cli_error_set(error, CLI_EXIT_UNREACHABLE,
                      "another engine is starting or leaving, and does not finish");
        return false;
    }
    if (watch_fd >= 0 && qmp_wait_poll(&look, watch_fd, POLLIN) == QMP_WAIT_READY)
        (void)!read(watch_fd, events, sizeof(events));
    else if (watch_fd < 0)
        (void)qmp_wait_poll(&look, -1, 0);
    return true;
}

/* Starts an engine. False with an error when there is no hope; otherwise it is worth connecting again. */
static bool
start_engine(const PathsDirs *dirs, int watch_fd, const QmpWait *wait, guint *n_started, GError **error)
{
    switch (cli_spawn_engine(dirs, wait, error)) {
    case CLI_SPAWN_READY:
        (*n_started)++;
        return true;
    case CLI_SPAWN_LOCKED:
        return wait_for_change(watch_fd, wait, error);
    case CLI_SPAWN_FAILED:
        return false;
    }
    g_assert_not_reached();
}

static int
connect_or_start(const PathsDirs *dirs, int watch_fd, GError **error)
{
    QmpWait wait = qmp_wait_from_now(START_TIMEOUT_MS, -1);
    guint n_started = 0;
    bool absent;

    for (;;) {
        int fd = try_connect(dirs, &absent, error);
        if (fd >= 0 || !absent)
            return fd;
        if (n_started == MAX_STARTS) {
            cli_error_set(error, CLI_EXIT_UNREACHABLE,
                          "the engine was started, but does not stay; see %s/moultd.log", dirs->runtime);
            return -1;
        }
        if (!start_engine(dirs, watch_fd, &wait, &n_started, error))
            return -1;
    }
}

static PathsDirs *
find_folders(GError **error)
{
    g_autoptr(GError) local_error = NULL;
    PathsDirs *dirs = paths_dirs_new(&local_error);

    if (!dirs)
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "%s", local_error->message);
    return dirs;
}

CliClient *
cli_engine_connect(GError **error)
{
    g_autoptr(PathsDirs) dirs = find_folders(error);
    bool absent;

    if (!dirs)
        return NULL;
    int fd = try_connect(dirs, &absent, error);
    if (fd < 0 && !absent)
        return NULL;
    if (fd < 0) {
        /* For the watch and the log; the engine checks what it is, and makes the other folders. */
        if (mkdir(dirs->runtime, 0711) < 0 && errno != EEXIST) {
            cli_error_set(error, CLI_EXIT_UNREACHABLE, "cannot start the engine: cannot create '%s': %s",
                          dirs->runtime, g_strerror(errno));
            return NULL;
        }
        int watch_fd = watch_runtime_folder(dirs);
        fd = connect_or_start(dirs, watch_fd, error);
        if (watch_fd >= 0)
            close(watch_fd);
    }
    return fd < 0 ? NULL : cli_client_new(fd);
}
