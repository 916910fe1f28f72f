/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UNIX sockets at paths of any length: an address holds 107 bytes, so a longer one goes through the descriptor of its
 * folder, /proc/self/fd/N/name. That also keeps the folder from being exchanged on the way.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * A listening stream socket called NAME in the folder FOLDER_FD; MODE from birth, whatever the umask, then given to
 * UID:GID, and only then does it listen. Blocking, CLOEXEC. -1 on failure, EXISTS when the name is taken (a socket
 * that a dead process has left counts). PATH names it in messages.
 */
int paths_socket_listen_at(int folder_fd, const char *name, mode_t mode, uid_t uid, gid_t gid, const char *path,
                           GError **error);
/* The same at the absolute PATH, whose folder must be safe as for paths_file_replace. */
int paths_socket_listen(const char *path, mode_t mode, uid_t uid, gid_t gid, GError **error);

/*
 * Sockets of others at absolute paths, in a folder that is safe as for paths_file_replace. What is at a path and is no socket is
 * UNSAFE; MISSING when nothing is.
 */

/* TRUE when PATH could be moved: its folder is safe, and there is a socket. */
bool paths_socket_can_move(const char *path, GError **error);
/* Gives the socket FROM the name TO in the same folder; what was there is replaced. */
bool paths_socket_move(const char *from, const char *to, GError **error);
/* Gives TO mode, owner and group of FROM, unless it has them. */
bool paths_socket_copy_access(const char *from, const char *to, GError **error);
