/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The listening control socket: handed over by a service manager, or bound here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * The socket that a service manager has passed (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, descriptor 3). Sets
 * RET_FD to -1 where none was passed. Fails when something else than one listening UNIX stream socket was.
 * The variables are removed from the environment, so that no child takes them for its own.
 */
bool control_listen_activated(int *ret_fd, GError **error);

/*
 * Binds NAME in the folder DIRFD, mode 0600, and listens. Whatever was there under that name is replaced in
 * one step: the caller must hold the lock that says no other engine is behind it. Returns the descriptor, or
 * -1.
 */
int control_listen_bind(int dirfd, const char *name, GError **error);

/*
 * Before an idle engine leaves: takes NAME away, so that later clients look for an engine of their own,
 * without losing those that are connecting (see control_server_accept_last). False when it was not there.
 */
bool control_listen_hide(int dirfd, const char *name);
/* Puts a hidden socket back: somebody has come. */
bool control_listen_unhide(int dirfd, const char *name);
/* Removes NAME, hidden or not. */
void control_listen_remove(int dirfd, const char *name);
