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
    QMP_CLIENT_ERROR_BUSY, /* no greeting: another client holds the monitor; or it takes no more commands */
    /* The peer broke the protocol or a limit: the connection is closed. Or one reply lacks what it should
       hold (qmp/commands.h): then it stays open. */
    QMP_CLIENT_ERROR_GARBAGE,
    QMP_CLIENT_ERROR_REMOTE, /* QEMU answered with an error; the message is QEMU's `desc`, quoted and cut */
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
/*
 * Connects to the UNIX socket PATH, of any length the kernel takes. Never blocks. BUSY when the monitor has a
 * client and its backlog is full; CLOSED when nobody listens there or it may not be reached.
 */
QmpClient *qmp_client_connect(const char *path, const char *label, GError **error);
void qmp_client_free(QmpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpClient, qmp_client_free)

QmpClientState qmp_client_get_state(const QmpClient *client);
/* The peer's descriptor, for poll and for SO_PEERCRED; -1 once closed. Borrowed. */
int qmp_client_get_fd(const QmpClient *client);
/* POLLIN, and POLLOUT while output is queued. */
short qmp_client_get_poll_events(const QmpClient *client);
/* The version out of the greeting (7, 2, 22); FALSE before it. Null pointers are allowed. */
bool qmp_client_get_version(const QmpClient *client, int *ret_major, int *ret_minor, int *ret_micro);
/* The builder's words about it, "Debian 1:7.2+dfsg-7+deb12u18"-like, perhaps empty; quoted and cut. NULL
 * before the greeting. Borrowed. */
const char *qmp_client_get_package(const QmpClient *client);

/*
 * Sends and reads what is there, without blocking, for a bounded time: a flood is handled over several calls,
 * as the descriptor stays readable. FALSE once the connection is closed (error says why); events and replies
 * that came before can still be taken.
 */
bool qmp_client_process(QmpClient *client, GError **error);

/*
 * Blocks until READY. BUSY when the wait ends without one byte of greeting. A QEMU that is just starting (its
 * monitor may be a listening socket that it was given, so that connecting succeeds before it runs) is as
 * silent as one whose monitor somebody else holds: how long to believe in the first is the caller's deadline.
 * About 2 s is right for a QEMU that has been running. The client stays usable.
 */
bool qmp_client_wait_ready(QmpClient *client, const QmpWait *wait, GError **error);

/*
 * Sends COMMAND and blocks for its reply. ARGUMENTS may be NULL and is taken. RET_RETURN (may be NULL)
 * receives the `return` value, owned by the caller. Events that arrive meanwhile are queued. Waits for READY
 * first if need be. Nothing is sent when WAIT is over beforehand. After TIMED_OUT or CANCELLED QEMU may still
 * execute the command; its reply is discarded when it comes; the client stays usable.
 */
bool qmp_client_call(QmpClient *client, const char *command, json_object *arguments, const QmpWait *wait,
                     json_object **ret_return, GError **error);

/*
 * Sends COMMAND (takes ARGUMENTS) without waiting: returns an id for qmp_client_collect, 0 on failure. For
 * pipelining. Needs a greeted client. At most 256 commands can be without a reply (BUSY); of the replies that
 * nobody collects the oldest are dropped. A peer that is gone is noticed by the next call that reads.
 */
guint64 qmp_client_send(QmpClient *client, const char *command, json_object *arguments, GError **error);
/*
 * Passes a duplicate of FD, which the next command can take (getfd). Needs a greeted client with nothing under way: BUSY
 * otherwise.
 */
bool qmp_client_send_fd(QmpClient *client, int fd, GError **error);
/* Blocks for the reply to ID. After TIMED_OUT or CANCELLED it can be called again. RET_RETURN may be NULL. */
bool qmp_client_collect(QmpClient *client, guint64 id, const QmpWait *wait, json_object **ret_return,
                        GError **error);
/* The reply to ID is not going to be collected. */
void qmp_client_forget(QmpClient *client, guint64 id);

/*
 * Asks COMMAND (takes ARGUMENTS) without waiting, so that its answer is on its way before it is needed: every
 * qmp_client_call with the same command and arguments is given that one answer, until qmp_client_forget_ahead.
 * For a stretch in which what was true at its beginning may count as true; a command that does more than ask ends it as well.
 * Needs a greeted client. No promise: what could not be asked, or is not answered in time, is asked by the call itself.
 */
void qmp_client_ask_ahead(QmpClient *client, const char *command, json_object *arguments);
/* The same for what does not change for as long as QEMU lives: its one answer is given for as long as CLIENT lives. */
void qmp_client_ask_constant(QmpClient *client, const char *command, json_object *arguments);
/* The stretch is over: every call asks from here on, but for what is constant. */
void qmp_client_forget_ahead(QmpClient *client);

/*
 * The oldest queued event, owned by the caller; NULL when there is none. The queue is bounded (1024 events,
 * 16 MiB): once it is full the oldest events go first, but STOP, RESUME, SHUTDOWN, RESET, MIGRATION and
 * GUEST_PANICKED are kept before all others.
 */
QmpEvent *qmp_client_pop_event(QmpClient *client);

/* Blocks until an event called NAME (NULL: any) is queued, and takes it out of the queue (others stay
 * queued). Takes none when WAIT is over beforehand, so that a loop over it ends however many come. */
QmpEvent *qmp_client_wait_event(QmpClient *client, const char *name, const QmpWait *wait, GError **error);
