/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The varlink server of the control socket (https://varlink.org): accepts clients on a listening socket and
 * keeps them. Runs on the thread-default main context of the thread that makes it, and only there.
 *
 * Root and the engine's own user may call; everybody else is answered PermissionDenied, whatever the call.
 */
#pragma once

#include "control/connection.h"
#include "control/service.h"

typedef struct ControlServer ControlServer;

typedef struct {
    guint clients; /* at a time; more are disconnected at once */
    ControlConnectionLimits connection;
} ControlServerLimits;

/* Room for a foreground `moult run --wait` for each of thousands of guests. */
extern const ControlServerLimits CONTROL_SERVER_LIMITS;

/*
 * Takes LISTENING_FD (see control/listen.h). METHODS is borrowed and must outlive the server (see
 * control/service.h); its handlers get USER_DATA. Never NULL.
 */
ControlServer *control_server_new(int listening_fd, const ControlMethod *methods, size_t n,
                                  gpointer user_data);
/* As above, with other limits (copied). */
ControlServer *control_server_new_with_limits(int listening_fd, const ControlMethod *methods, size_t n,
                                              gpointer user_data, const ControlServerLimits *limits);
/*
 * Disconnects everybody. Answers to calls under way are dropped from now on; their closed functions are not
 * called. Not from within a handler.
 */
void control_server_free(ControlServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlServer, control_server_free)

/* Clients, and those that left a call under way behind: 0 means that nobody waits for anything. */
guint control_server_count_clients(const ControlServer *server);

/* FUNC is called from the main loop after every change of the number of clients. NULL for none. */
typedef void (*ControlServerClientsFunc)(ControlServer *server, guint n_clients, gpointer user_data);
void control_server_set_clients_func(ControlServer *server, ControlServerClientsFunc func,
                                     gpointer user_data);

/*
 * For an engine that is about to leave because it is idle: takes whoever has connected meanwhile. True when
 * there are clients after all, and the engine must stay. False: nobody waits, and nobody will be accepted any
 * more. Remove the socket's path first, so that later clients start an engine of their own.
 */
bool control_server_accept_last(ControlServer *server);

/*
 * For an engine that was told to leave: accepts nobody any more, and runs the main loop until every answer is with its client, but
 * no longer than TIMEOUT_MS, for a client need not read. Not from within a handler.
 */
void control_server_drain(ControlServer *server, guint timeout_ms);
