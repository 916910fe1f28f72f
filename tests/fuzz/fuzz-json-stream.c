/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes, in any pieces, into a JSON stream. What must hold:
 *  - how the bytes are split changes nothing: the same messages come out, and the same end;
 *  - a message that was taken is within the limits, and written out again it is JSON that we take, and the
 * same. The first byte chooses the framing, the next two the pieces.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qmp/json.h"
#include "qmp/stream.h"

#define INPUT_MAX 60000 /* fits a socket's buffer in one piece */

static const QmpStreamLimits LIMITS = {
    .message_bytes = 20000, .message_cost_bytes = 200000, .depth = 16, .output_bytes = 1 << 20};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_message(json_object *message, GString *log)
{
    size_t length;
    const char *text = qmp_json_to_text(message, &length);
    g_autoptr(GError) error = NULL;

    g_assert_true(json_object_is_type(message, json_type_object));
    g_assert_true(g_utf8_validate(text, (gssize)length, NULL));
    g_autoptr(json_object) again = qmp_json_parse(text, length, LIMITS.depth, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(qmp_json_to_text(again, NULL), ==, text);
    g_string_append(log, text);
    g_string_append_c(log, '\n');
}

/* Takes what is there; the last result. */
static QmpStreamResult
drain(QmpStream *stream, GString *log)
{
    for (;;) {
        g_autoptr(json_object) message = NULL;
        guint64 before = qmp_stream_get_received_bytes(stream);
        QmpStreamResult result = qmp_stream_receive(stream, &message, NULL);
        if (result == QMP_STREAM_MESSAGE)
            check_message(message, log);
        else if (result != QMP_STREAM_AGAIN || qmp_stream_get_received_bytes(stream) == before)
            return result;
        if (result == QMP_STREAM_MESSAGE)
            g_assert_cmpuint(qmp_stream_get_message_cost(stream), <=, LIMITS.message_cost_bytes);
    }
}

/* Sends DATA in pieces of PIECE bytes (0: all at once), closes, and gives the messages and how it ended. */
static char *
run(QmpStreamFraming framing, const uint8_t *data, size_t size, size_t piece)
{
    g_autoptr(GString) log = g_string_new(NULL);
    QmpStreamResult result = QMP_STREAM_AGAIN;
    int fds[2];

    g_assert_true(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    g_autoptr(QmpStream) stream = qmp_stream_new(fds[0], framing, &LIMITS);
    for (size_t at = 0; at < size && result == QMP_STREAM_AGAIN;) {
        size_t n = piece ? MIN(piece, size - at) : size;
        g_assert_true(send(fds[1], data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n);
        result = drain(stream, log);
        at += n;
    }
    close(fds[1]);
    if (result == QMP_STREAM_AGAIN)
        result = drain(stream, log);
    g_string_append(log, result == QMP_STREAM_EOF ? "end" : "failure");
    return g_string_free(g_steal_pointer(&log), FALSE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > INPUT_MAX)
        return 0;
    QmpStreamFraming framing = data[0] & 1 ? QMP_STREAM_NUL : QMP_STREAM_CONCATENATED;
    /* A piece a message is enough for long inputs; short ones are split to the byte. */
    size_t piece = MAX(1 + (size_t)data[1] + (data[2] & 3) * 1000, size / 500);
    g_autofree char *whole = run(framing, data + 3, size - 3, 0);
    g_autofree char *pieces = run(framing, data + 3, size - 3, piece);

    g_assert_cmpstr(whole, ==, pieces);
    return 0;
}
