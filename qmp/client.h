/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QMP client: an explicit state machine over one connection, with blocking calls on top.
 * A client belongs to one thread at a time; handing it to another thread is the owner's affair.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "qmp/wait.h"

#define QMP_CLIENT_ERROR qmp_client_error_quark()
GQuark qmp_client_error_quark(void);

/* Conditions that a caller can act on. */
typedef enum {
    QMP_CLIENT_ERROR_CLOSED,    /* the peer closed the connection, or it broke */
    QMP_CLIENT_ERROR_TIMED_OUT, /* the deadline passed */
    QMP_CLIENT_ERROR_CANCELLED, /* the wait's cancel descriptor became readable */
    QMP_CLIENT_ERROR_BUSY,      /* no greeting: another client holds the monitor */
    QMP_CLIENT_ERROR_GARBAGE,   /* the peer broke the protocol or a limit; the connection is closed */
    QMP_CLIENT_ERROR_REMOTE,    /* QEMU answered with an error; the message is QEMU's `desc`, quoted and cut */
    QMP_CLIENT_ERROR_NO_COMMAND /* as REMOTE, class CommandNotFound */
} QmpClientError;

typedef enum {
    QMP_CLIENT_GREETING,    /* connected, waiting for the peer's greeting */
    QMP_CLIENT_NEGOTIATING, /* qmp_capabilities sent */
    QMP_CLIENT_READY,
    QMP_CLIENT_CLOSED
} QmpClientState;

typedef struct QmpClient QmpClient;

typedef struct {
    char *name;          /* e.g. "STOP" */
    json_object *data;   /* may be NULL */
    gint64 timestamp_us; /* QEMU's own clock: microseconds since the epoch; -1 where it did not know */
} QmpEvent;

void qmp_event_free(QmpEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpEvent, qmp_event_free)

/* Takes FD (a connected stream socket; made non-blocking). LABEL names the peer in messages. Never NULL. */
QmpClient *qmp_client_new(int fd, const char *label);
/* Connects to the UNIX socket PATH (any length up to the kernel's, by way of its directory when it is too long). */
QmpClient *qmp_client_connect(const char *path, const char *label, GError **error);
void qmp_client_free(QmpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpClient, qmp_client_free)

QmpClientState qmp_client_get_state(const QmpClient *client);
/* The peer's descriptor, for poll and for SO_PEERCRED; -1 once closed. Borrowed. */
int qmp_client_get_fd(const QmpClient *client);
/* POLLIN, and POLLOUT while output is queued. */
short qmp_client_get_poll_events(const QmpClient *client);
/* "QEMU 7.2.22"-like version out of the greeting; FALSE before it. Null pointers are allowed. */
bool qmp_client_get_version(const QmpClient *client, int *ret_major, int *ret_minor, int *ret_micro);

/* Reads and handles what is there, without blocking. FALSE once the connection is closed (error says why). */
bool qmp_client_process(QmpClient *client, GError **error);

/* Blocks until READY. */
bool qmp_client_wait_ready(QmpClient *client, const QmpWait *wait, GError **error);

/*
 * Sends COMMAND and blocks for its reply. ARGUMENTS may be NULL and is taken. RET_RETURN (may be NULL) receives the
 * `return` value, owned by the caller. Events that arrive meanwhile are queued. Waits for READY first if need be.
 * After TIMED_OUT or CANCELLED the reply is discarded when it comes; the client stays usable.
 */
bool qmp_client_call(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
                     json_object **ret_return, GError **error);

/*
 * Sends COMMAND without waiting; its reply is dropped unless collected: returns an id for qmp_client_collect, 0 on
 * failure. For pipelining.
 */
guint64 qmp_client_send(QmpClient *client, const char *command, json_object *arguments, GError **error);
bool qmp_client_collect(QmpClient *client, guint64 id, const QmpWait *wait, json_object **ret_return, GError **error);

/*
 * The oldest queued event, owned by the caller; NULL when there is none. The queue is bounded: once it is full the
 * oldest events go first, but STOP, RESUME, SHUTDOWN, RESET, MIGRATION and GUEST_PANICKED are kept before all others.
 */
QmpEvent *qmp_client_pop_event(QmpClient *client);

/* Blocks until an event called NAME (NULL: any) is queued, and takes it out of the queue (others stay queued). */
QmpEvent *qmp_client_wait_event(QmpClient *client, const char *name, const QmpWait *wait, GError **error);
