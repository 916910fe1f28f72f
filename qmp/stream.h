/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON objects over a stream socket, in both directions, without ever blocking: what QMP and the varlink
 * control socket have in common. The peer is not trusted: whatever it sends costs bounded memory and linear
 * time.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#define QMP_STREAM_ERROR qmp_stream_error_quark()
GQuark qmp_stream_error_quark(void);

typedef enum {
    QMP_STREAM_ERROR_CLOSED,  /* the peer is gone, perhaps in the middle of a message */
    QMP_STREAM_ERROR_GARBAGE, /* the peer sent something else than JSON objects, or past a limit */
    QMP_STREAM_ERROR_FULL     /* the peer does not read: the output queue is at its limit */
} QmpStreamError;

typedef enum {
    QMP_STREAM_CONCATENATED, /* QMP: objects one after another, white space between them or not; sent one a
                                line */
    QMP_STREAM_NUL           /* varlink: every object ends in a NUL byte */
} QmpStreamFraming;

typedef struct {
    size_t message_bytes; /* of one message's text; below 1 GiB */
    /* Memory of one message once parsed, estimated from above (a small object in text is 1 KiB in json-c). */
    size_t message_cost_bytes;
    guint depth;         /* brackets within each other */
    size_t output_bytes; /* queued and not yet taken by the kernel */
} QmpStreamLimits;

/* What QEMU may say. Its longest replies (query-qmp-schema, qom-list-types) are a quarter of a megabyte; a
   chain of backing files nests two deep a file. */
extern const QmpStreamLimits QMP_STREAM_LIMITS_QEMU;
/* What a control client may say. */
extern const QmpStreamLimits QMP_STREAM_LIMITS_CONTROL;

typedef enum {
    QMP_STREAM_MESSAGE, /* ret_message is set */
    QMP_STREAM_AGAIN,   /* no whole message yet: wait for POLLIN, or just call again */
    QMP_STREAM_EOF,     /* the peer has closed its side between two messages; sending may still work */
    QMP_STREAM_FAILED   /* error is set; the stream gives nothing else from now on */
} QmpStreamResult;

typedef struct QmpStream QmpStream;

/* Takes FD, a connected stream socket; makes it non-blocking and CLOEXEC. LIMITS is copied. Never NULL. */
QmpStream *qmp_stream_new(int fd, QmpStreamFraming framing, const QmpStreamLimits *limits);
/* Closes. NULL is allowed. */
void qmp_stream_free(QmpStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpStream, qmp_stream_free)

/* Borrowed. */
int qmp_stream_get_fd(const QmpStream *stream);
/* POLLIN, and POLLOUT while output is queued. */
short qmp_stream_get_poll_events(const QmpStream *stream);

/*
 * The next message, owned by the caller; always an object. Reads from the socket at most once, and only when
 * no whole message is buffered: a flood cannot hold a caller that counts its calls. Before waiting for
 * POLLIN, call it until it says something else than MESSAGE: buffered messages do not make the descriptor
 * readable.
 */
QmpStreamResult qmp_stream_receive(QmpStream *stream, json_object **ret_message, GError **error);
/* As qmp_stream_receive out of the buffer alone: MESSAGE, AGAIN or FAILED. */
QmpStreamResult qmp_stream_next(QmpStream *stream, json_object **ret_message, GError **error);
/* Reads once into the buffer: AGAIN also when something came (see get_received), EOF, or FAILED. */
QmpStreamResult qmp_stream_fill(QmpStream *stream, GError **error);

/* Whether the buffer holds the beginning of a message (or all of one that was not taken yet). */
bool qmp_stream_is_in_message(const QmpStream *stream);
/* Estimated memory of the message received last. */
size_t qmp_stream_get_message_cost(const QmpStream *stream);
/* All bytes ever received. */
guint64 qmp_stream_get_received_bytes(const QmpStream *stream);

/*
 * Queues MESSAGE (borrowed) whole or not at all, and sends what the kernel takes. FALSE: FULL or CLOSED. What
 * the peer sent before it left can still be received.
 */
bool qmp_stream_send(QmpStream *stream, json_object *message, GError **error);
/*
 * CONCATENATED only: sends a duplicate of FD with a blank, in front of the next message. FALSE: CLOSED; FULL while anything is
 * queued, or when the kernel does not take it now.
 */
bool qmp_stream_send_fd(QmpStream *stream, int fd, GError **error);
/* Sends what the kernel takes of the queue. FALSE (CLOSED) once the peer takes nothing any more; the queue is
 * dropped. */
bool qmp_stream_flush(QmpStream *stream, GError **error);
bool qmp_stream_has_output(const QmpStream *stream);
