/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a target gets only once the old QEMU is gone, because the two cannot hold it at once, or must not both answer there:
 * a listener that a monitor command opens, or that stops resting. It is on the record of the instance until it is open.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

#include "qemu/holding.h"

typedef struct {
    char *what;    /* for a person: "port tcp::2222-:22" */
    char *before;  /* a line for the human monitor that goes first, whatever it answers, so that a second
                      attempt is harmless; NULL: needs none */
    char *command; /* of QMP; of human-monitor-command any answer but an empty one is a failure */
    json_object *arguments; /* may be NULL */
    json_object *handed;    /* arguments that are tried first, and once: what the old QEMU had open is in the monitor's
                               keeping (QEMU_PLAN_FD_NAMED). NULL: none */
} QemuDeferred;

/* A command of no monitor's: sockets that rest are to listen (guest/listening.h). Its arguments: {"addresses":[...]} (listeners.h). */
#define QEMU_DEFERRED_LISTEN "moult-listen"

/*
 * Another such: a connection to a VNC viewer is made anew, on its socket, and given to the display (guest/viewer.h). Its arguments:
 * {"addresses":[...],"inode","fdname"}.
 */
#define QEMU_DEFERRED_VIEWER "moult-viewer"

/* A third: the network back end that has kept a number is removed (guest/placeholder.h). Its arguments: {"id"}. */
#define QEMU_DEFERRED_NETDEV "moult-netdev-del"
/*
 * Another such: a chardev that has been nothing becomes a pseudo terminal, with the name that the old QEMU's had (guest/terminal.h). Its
 * arguments: {"id","number","filesystem","uid","gid","mode","fdname","data"}.
 */
#define QEMU_DEFERRED_TERMINAL "moult-terminal"

/* BEFORE may be NULL; ARGUMENTS are taken. */
QemuDeferred *qemu_deferred_new(const char *what, const char *before, const char *command,
                                json_object *arguments);
/* One whose command is the LINE for the human monitor. */
QemuDeferred *qemu_deferred_new_human(const char *what, const char *before, const char *line);
/* One of QEMU_DEFERRED_LISTEN, for LISTENERS (QemuHolding). */
QemuDeferred *qemu_deferred_new_listen(const char *what, const GPtrArray *listeners);
/* One of QEMU_DEFERRED_VIEWER, for CONNECTION, which the monitor has under FD_NAME. */
QemuDeferred *qemu_deferred_new_viewer(const char *what, const QemuHolding *connection, const char *fd_name);
/* One of QEMU_DEFERRED_NETDEV, for the back end ID. */
QemuDeferred *qemu_deferred_new_netdev(const char *id);
/* One of QEMU_DEFERRED_TERMINAL, for the chardev ID: TERMINAL's master is with the monitor, as FD_NAME. DATA, of its settings, is taken. */
QemuDeferred *qemu_deferred_new_terminal(const char *what, const char *id, const QemuTerminal *terminal, const char *fd_name,
                                         json_object *data);
/* Where it shall listen: GPtrArray of QemuHolding, owned; empty for any other command, NULL when it cannot be read. */
GPtrArray *qemu_deferred_dup_listeners(const QemuDeferred *deferred);
void qemu_deferred_free(QemuDeferred *deferred);
/* GPtrArray of QemuDeferred with its free function. */
GPtrArray *qemu_deferred_list_new(void);
GPtrArray *qemu_deferred_list_copy(const GPtrArray *list);

/* [{"what","before","command","arguments","handed"}]; owned. */
json_object *qemu_deferred_list_to_json(const GPtrArray *list);
/* ARRAY NULL: an empty list. At most 256; NULL when something in it is not of this shape. */
GPtrArray *qemu_deferred_list_from_json(json_object *array);
