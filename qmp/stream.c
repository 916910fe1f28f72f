/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Input goes through three cursors over one buffer: [start, scanned) is the part of the message under way
 * that the scanner has seen, [scanned, end) is new. Every byte is scanned once, however the peer splits its
 * output, and json-c sees a message once, when it is whole. The buffer moves only when it is read into, and
 * then holds at most the beginning of one message, which stays at the front afterwards: no byte is moved
 * twice.
 */
#include "qmp/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qmp/json-scan.h"
#include "qmp/json.h"
#include "qmp/text.h"

/* A read starts small, as most monitors are idle most of the time, and doubles while the peer keeps it full.
 */
#define READ_MIN_BYTES ((size_t)4096)
#define READ_MAX_BYTES ((size_t)65536)
#define QUOTE_MAX_BYTES 80

const QmpStreamLimits QMP_STREAM_LIMITS_QEMU = {
    .message_bytes = 8 << 20, .message_cost_bytes = 64 << 20, .depth = 256, .output_bytes = 1 << 20};
const QmpStreamLimits QMP_STREAM_LIMITS_CONTROL = {
    .message_bytes = 1 << 20, .message_cost_bytes = 16 << 20, .depth = 32, .output_bytes = 4 << 20};

struct QmpStream {
    int fd;
    QmpStreamFraming framing;
    QmpStreamLimits limits;

    char *buffer;
    size_t capacity, start, scanned, end;
    size_t read_bytes;
    QmpJsonScan scan;
    GError *failure; /* sticky */
    bool eof;
    guint64 received_bytes;
    size_t message_cost_bytes;

    GByteArray *output;
    size_t output_sent;
    bool output_closed;
};

G_DEFINE_QUARK(qmp - stream - error - quark, qmp_stream_error)

static void
stream_reset_scan(QmpStream *stream)
{
    qmp_json_scan_init(&stream->scan, stream->limits.depth, stream->limits.message_cost_bytes);
}

QmpStream *
qmp_stream_new(int fd, QmpStreamFraming framing, const QmpStreamLimits *limits)
{
    QmpStream *stream = g_new0(QmpStream, 1);

    g_assert(limits->message_bytes < (size_t)1 << 30);
    stream->fd = fd;
    stream->framing = framing;
    stream->limits = *limits;
    stream->read_bytes = READ_MIN_BYTES;
    stream->output = g_byte_array_new();
    stream_reset_scan(stream);
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return stream;
}

void
qmp_stream_free(QmpStream *stream)
{
    if (!stream)
        return;
    close(stream->fd);
    g_free(stream->buffer);
    g_clear_error(&stream->failure);
    g_byte_array_unref(stream->output);
    g_free(stream);
}

int
qmp_stream_get_fd(const QmpStream *stream)
{
    return stream->fd;
}

short
qmp_stream_get_poll_events(const QmpStream *stream)
{
    return qmp_stream_has_output(stream) ? POLLIN | POLLOUT : POLLIN;
}

bool
qmp_stream_is_in_message(const QmpStream *stream)
{
    return stream->end > stream->start;
}

size_t
qmp_stream_get_message_cost(const QmpStream *stream)
{
    return stream->message_cost_bytes;
}

guint64
qmp_stream_get_received_bytes(const QmpStream *stream)
{
    return stream->received_bytes;
}

/* Keeps the first failure and gives a copy of it; the buffer is of no use any more. */
static QmpStreamResult
stream_fail(QmpStream *stream, GError *failure, GError **error)
{
    if (!stream->failure)
        stream->failure = g_steal_pointer(&failure);
    g_clear_error(&failure);
    g_clear_pointer(&stream->buffer, g_free);
    stream->capacity = stream->start = stream->scanned = stream->end = 0;
    g_propagate_error(error, g_error_copy(stream->failure));
    return QMP_STREAM_FAILED;
}

/* The peer broke the protocol: says how, and shows what it sent. */
static QmpStreamResult
stream_fail_garbage(QmpStream *stream, const char *problem, GError **error)
{
    g_autofree char *quoted =
        qmp_text_quote_bytes(stream->buffer + stream->start, stream->end - stream->start, QUOTE_MAX_BYTES);

    return stream_fail(
        stream,
        g_error_new(QMP_STREAM_ERROR, QMP_STREAM_ERROR_GARBAGE, "invalid message: %s: '%s'", problem, quoted),
        error);
}

/* Parses [start, start + length), which the scanner has found whole, and drops TAKEN bytes. */
static QmpStreamResult
stream_take_message(QmpStream *stream, size_t length, size_t taken, json_object **ret_message, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    g_autoptr(json_object) message =
        qmp_json_parse(stream->buffer + stream->start, length, stream->limits.depth, &local_error);

    if (!message)
        return stream_fail_garbage(stream, local_error->message, error);
    if (!json_object_is_type(message, json_type_object))
        return stream_fail_garbage(stream, "not an object", error);
    stream->message_cost_bytes = stream->scan.cost_bytes;
    stream->start += taken;
    stream->scanned = stream->start;
    stream_reset_scan(stream);
    *ret_message = g_steal_pointer(&message);
    return QMP_STREAM_MESSAGE;
}

/* Spaces between messages are dropped as they come: an endless run of them costs nothing. */
static void
stream_skip_space(QmpStream *stream)
{
    if (stream->scan.state != QMP_JSON_SCAN_IN_START)
        return;
    while (stream->start < stream->end && qmp_json_scan_is_space(stream->buffer[stream->start]))
        stream->start++;
    stream->scanned = stream->start;
}

static QmpStreamResult
stream_next_concatenated(QmpStream *stream, json_object **ret_message, GError **error)
{
    size_t used = 0;

    QmpJsonScanResult result = qmp_json_scan_feed(&stream->scan, stream->buffer + stream->scanned,
                                                  stream->end - stream->scanned, &used);
    stream->scanned += used;
    size_t length = stream->scanned - stream->start;
    if (result == QMP_JSON_SCAN_FAILED)
        return stream_fail_garbage(stream, stream->scan.problem, error);
    if (length > stream->limits.message_bytes)
        return stream_fail_garbage(stream, "too long", error);
    if (result == QMP_JSON_SCAN_COMPLETE)
        return stream_take_message(stream, length, length, ret_message, error);
    return QMP_STREAM_AGAIN;
}

/* The scanner sees the text before the NUL, so that a broken message fails without waiting for its end. */
static QmpStreamResult
stream_next_nul(QmpStream *stream, json_object **ret_message, GError **error)
{
    size_t available = stream->end - stream->scanned, used = 0;
    const char *from = stream->buffer + stream->scanned;
    const char *nul = available > 0 ? memchr(from, '\0', available) : NULL;

    if (nul)
        available = (size_t)(nul - from);
    if (stream->scan.result == QMP_JSON_SCAN_MORE)
        qmp_json_scan_feed(&stream->scan, from, available, &used);
    while (stream->scan.result == QMP_JSON_SCAN_COMPLETE && used < available &&
           qmp_json_scan_is_space(from[used]))
        used++;
    stream->scanned += used;
    size_t length = stream->scanned - stream->start;
    if (stream->scan.result == QMP_JSON_SCAN_FAILED)
        return stream_fail_garbage(stream, stream->scan.problem, error);
    if (length > stream->limits.message_bytes)
        return stream_fail_garbage(stream, "too long", error);
    if (used < available)
        return stream_fail_garbage(stream, "something follows its end", error);
    if (!nul)
        return QMP_STREAM_AGAIN;
    if (stream->scan.result != QMP_JSON_SCAN_COMPLETE)
        return stream_fail_garbage(stream, "it ends too early", error);
    return stream_take_message(stream, length, length + 1, ret_message, error);
}

QmpStreamResult
qmp_stream_next(QmpStream *stream, json_object **ret_message, GError **error)
{
    if (stream->failure)
        return stream_fail(stream, NULL, error);
    stream_skip_space(stream);
    if (stream->scanned == stream->end)
        return QMP_STREAM_AGAIN;
    return stream->framing == QMP_STREAM_NUL ? stream_next_nul(stream, ret_message, error)
                                             : stream_next_concatenated(stream, ret_message, error);
}

/* Moves what is left to the front and makes room for a read; gives memory back when nothing is left. */
static void
stream_make_room(QmpStream *stream)
{
    size_t pending = stream->end - stream->start;

    if (stream->start > 0) {
        memmove(stream->buffer, stream->buffer + stream->start, pending);
        stream->scanned -= stream->start;
        stream->end = pending;
        stream->start = 0;
    }
    if (pending == 0 && stream->capacity > 2 * stream->read_bytes) {
        g_clear_pointer(&stream->buffer, g_free);
        stream->capacity = 0;
    }
    if (stream->capacity - stream->end < stream->read_bytes) {
        stream->capacity = MAX(stream->capacity * 2, stream->end + stream->read_bytes);
        stream->buffer = g_realloc(stream->buffer, stream->capacity);
    }
}

static QmpStreamResult
stream_fill_ended(QmpStream *stream, GError **error)
{
    stream->eof = true;
    if (stream->end == stream->start)
        return QMP_STREAM_EOF;
    return stream_fail(stream,
                       g_error_new_literal(QMP_STREAM_ERROR, QMP_STREAM_ERROR_CLOSED,
                                           "the connection was closed in the middle of a message"),
                       error);
}

QmpStreamResult
qmp_stream_fill(QmpStream *stream, GError **error)
{
    ssize_t n;

    if (stream->failure)
        return stream_fail(stream, NULL, error);
    if (stream->eof)
        return QMP_STREAM_EOF;
    stream_make_room(stream);
    do
        n = recv(stream->fd, stream->buffer + stream->end, stream->read_bytes, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return QMP_STREAM_AGAIN;
    /* ECONNRESET: closed with something of ours unread, which is an end like any other on a UNIX socket. */
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return stream_fill_ended(stream, error);
    if (n < 0)
        return stream_fail(
            stream,
            g_error_new(QMP_STREAM_ERROR, QMP_STREAM_ERROR_CLOSED, "cannot receive: %s", g_strerror(errno)),
            error);
    stream->end += (size_t)n;
    stream->received_bytes += (guint64)n;
    if ((size_t)n == stream->read_bytes)
        stream->read_bytes = MIN(stream->read_bytes * 2, READ_MAX_BYTES);
    else if ((size_t)n < stream->read_bytes / 4)
        stream->read_bytes = MAX(stream->read_bytes / 2, READ_MIN_BYTES);
    return QMP_STREAM_AGAIN;
}

QmpStreamResult
qmp_stream_receive(QmpStream *stream, json_object **ret_message, GError **error)
{
    QmpStreamResult result = qmp_stream_next(stream, ret_message, error);

    if (result != QMP_STREAM_AGAIN)
        return result;
    result = qmp_stream_fill(stream, error);
    return result == QMP_STREAM_AGAIN ? qmp_stream_next(stream, ret_message, error) : result;
}

bool
qmp_stream_has_output(const QmpStream *stream)
{
    return stream->output->len > stream->output_sent;
}

static bool
stream_fail_output(QmpStream *stream, int error_number, GError **error)
{
    stream->output_closed = true;
    g_byte_array_set_size(stream->output, 0);
    stream->output_sent = 0;
    g_set_error(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_CLOSED, "cannot send: %s",
                g_strerror(error_number));
    return false;
}

/* The sent part goes once it is the larger half: every byte is moved at most once on average. */
static void
stream_drop_sent(QmpStream *stream)
{
    if (stream->output_sent * 2 < stream->output->len)
        return;
    g_byte_array_remove_range(stream->output, 0, (guint)stream->output_sent);
    stream->output_sent = 0;
}

bool
qmp_stream_flush(QmpStream *stream, GError **error)
{
    if (stream->output_closed)
        return stream_fail_output(stream, EPIPE, error);
    while (qmp_stream_has_output(stream)) {
        ssize_t n = send(stream->fd, stream->output->data + stream->output_sent,
                         stream->output->len - stream->output_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            return stream_fail_output(stream, errno, error);
        stream->output_sent += (size_t)n;
    }
    stream_drop_sent(stream);
    return true;
}

bool
qmp_stream_send(QmpStream *stream, json_object *message, GError **error)
{
    size_t length;
    const char *text = qmp_json_to_text(message, &length);
    const guint8 end = stream->framing == QMP_STREAM_NUL ? '\0' : '\n';

    if (stream->output_closed)
        return stream_fail_output(stream, EPIPE, error);
    if (length + 1 + stream->output->len - stream->output_sent > stream->limits.output_bytes) {
        g_set_error(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL,
                    "the peer does not read: %zu bytes more than the limit of %zu are queued",
                    length + 1 + stream->output->len - stream->output_sent - stream->limits.output_bytes,
                    stream->limits.output_bytes);
        return false;
    }
    g_byte_array_append(stream->output, (const guint8 *)text, (guint)length);
    g_byte_array_append(stream->output, &end, 1);
    return qmp_stream_flush(stream, error);
}

/* One blank with FD; as sendmsg(2). */
static ssize_t
send_blank(int socket, int fd)
{
    char blank = ' ';
    struct iovec bytes = {.iov_base = &blank, .iov_len = sizeof(blank)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.space)};
    ssize_t n;

    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    do
        n = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

bool
qmp_stream_send_fd(QmpStream *stream, int fd, GError **error)
{
    g_assert(stream->framing == QMP_STREAM_CONCATENATED);
    if (!qmp_stream_flush(stream, error))
        return false;
    bool is_free = !qmp_stream_has_output(stream);
    if (is_free && send_blank(stream->fd, fd) == 1)
        return true;
    if (is_free && errno != EAGAIN && errno != EWOULDBLOCK)
        return stream_fail_output(stream, errno, error);
    g_set_error_literal(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL, "the peer does not read");
    return false;
}
