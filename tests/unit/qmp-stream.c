/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream over a socketpair whose other end the test writes and reads itself. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "qmp/json.h"
#include "qmp/stream.h"

static const QmpStreamLimits SMALL = {
    .message_bytes = 1000, .message_cost_bytes = 100000, .depth = 4, .output_bytes = 1 << 20};

typedef struct {
    QmpStream *stream;
    int peer;
} Pair;

static void
pair_open(Pair *pair, QmpStreamFraming framing, const QmpStreamLimits *limits)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pair->stream = qmp_stream_new(fds[0], framing, limits);
    pair->peer = fds[1];
}

static void
pair_close_peer(Pair *pair)
{
    if (pair->peer >= 0)
        close(pair->peer);
    pair->peer = -1;
}

static void
pair_close(Pair *pair)
{
    qmp_stream_free(pair->stream);
    pair_close_peer(pair);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_close)

static void
pair_put(Pair *pair, const char *bytes, size_t length)
{
    assert_int_equal(send(pair->peer, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT), length);
}

static void
pair_puts(Pair *pair, const char *text)
{
    pair_put(pair, text, strlen(text));
}

/* Receives a message and compares; `receive` reads once, so a second call may be needed. */
static void
assert_receives(Pair *pair, const char *expected)
{
    g_autoptr(json_object) message = NULL;
    g_autoptr(GError) error = NULL;
    QmpStreamResult result = qmp_stream_receive(pair->stream, &message, &error);

    if (result != QMP_STREAM_MESSAGE)
        fail_msg("result %d instead of a message: %s", result, error ? error->message : "no error");
    assert_string_equal(qmp_json_to_text(message, NULL), expected);
}

static void
assert_result(Pair *pair, QmpStreamResult expected)
{
    g_autoptr(json_object) message = NULL;

    assert_int_equal(qmp_stream_receive(pair->stream, &message, NULL), expected);
    assert_null(message);
}

static void
assert_fails(Pair *pair, QmpStreamError code, const char *words)
{
    /* Twice: a failure stays. */
    for (guint i = 0; i < 2; i++) {
        g_autoptr(json_object) message = NULL;
        g_autoptr(GError) error = NULL;
        assert_int_equal(qmp_stream_receive(pair->stream, &message, &error), QMP_STREAM_FAILED);
        assert_null(message);
        assert_true(g_error_matches(error, QMP_STREAM_ERROR, code));
        if (!strstr(error->message, words))
            fail_msg("'%s' does not say '%s'", error->message, words);
        assert_true(g_utf8_validate(error->message, -1, NULL));
    }
}

static const char QMP_TEXT[] =
    " {\"QMP\": {}}\r\n{\"a\":\"\303\274}\\\"{\\u00fc\"}\n\n{\n  \"b\": [1, {}]\n}  ";
static const char NUL_TEXT[] = "{\"QMP\":{}}\0 {\"a\":\"\303\274}\\\"{\\u00fc\"} \0{\n\"b\":[1,{}]}\n";

static void
assert_receives_all_three(Pair *pair)
{
    assert_receives(pair, "{\"QMP\":{}}");
    assert_receives(pair, "{\"a\":\"\303\274}\\\"{\303\274\"}");
    assert_receives(pair, "{\"b\":[1,{}]}");
    assert_result(pair, QMP_STREAM_AGAIN);
}

static void
concatenated_messages_in_one_read(void **state)
{
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    assert_result(&pair, QMP_STREAM_AGAIN);
    pair_puts(&pair, QMP_TEXT);
    assert_receives_all_three(&pair);
    pair_close_peer(&pair);
    assert_result(&pair, QMP_STREAM_EOF);
    assert_result(&pair, QMP_STREAM_EOF);
}

static void
nul_ended_messages_in_one_read(void **state)
{
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_NUL, &SMALL);
    pair_put(&pair, NUL_TEXT, sizeof(NUL_TEXT)); /* with the last NUL */
    assert_receives_all_three(&pair);
    pair_close_peer(&pair);
    assert_result(&pair, QMP_STREAM_EOF);
}

/* Sends [0, split) and the rest, with a read between, for every split there is. */
static void
try_every_split(QmpStreamFraming framing, const char *text, size_t length)
{
    for (size_t split = 1; split < length; split++) {
        g_auto(Pair) pair;
        g_autoptr(json_object) message = NULL;
        guint n = 0;
        pair_open(&pair, framing, &SMALL);
        pair_put(&pair, text, split);
        while (qmp_stream_receive(pair.stream, &message, NULL) == QMP_STREAM_MESSAGE) {
            g_clear_pointer(&message, json_object_put);
            n++;
        }
        pair_put(&pair, text + split, length - split);
        while (qmp_stream_receive(pair.stream, &message, NULL) == QMP_STREAM_MESSAGE) {
            g_clear_pointer(&message, json_object_put);
            n++;
        }
        assert_int_equal(n, 3);
    }
}

static void
messages_may_be_split_anywhere(void **state)
{
    (void)state;
    try_every_split(QMP_STREAM_CONCATENATED, QMP_TEXT, strlen(QMP_TEXT));
    try_every_split(QMP_STREAM_NUL, NUL_TEXT, sizeof(NUL_TEXT));
}

static void
messages_may_come_byte_by_byte(void **state)
{
    g_auto(Pair) pair;
    guint n = 0;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    for (size_t i = 0; i < strlen(QMP_TEXT); i++) {
        g_autoptr(json_object) message = NULL;
        pair_put(&pair, QMP_TEXT + i, 1);
        n += qmp_stream_receive(pair.stream, &message, NULL) == QMP_STREAM_MESSAGE;
    }
    assert_int_equal(n, 3);
}

/* Would take hours if bytes were looked at again for every read. */
static void
a_dripped_message_takes_linear_time(void **state)
{
    const size_t length = 200000;
    g_autofree char *text = g_strnfill(length, 'x');
    g_auto(Pair) pair;

    (void)state;
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + length - 2, "\"}", 2);
    pair_open(&pair, QMP_STREAM_CONCATENATED, &QMP_STREAM_LIMITS_QEMU);
    for (size_t i = 0; i < length - 1; i++) {
        pair_put(&pair, text + i, 1);
        assert_result(&pair, QMP_STREAM_AGAIN);
    }
    pair_put(&pair, text + length - 1, 1);
    assert_receives(&pair, text);
}

static void
one_receive_reads_once(void **state)
{
    g_autofree char *spaces = g_strnfill(100000, ' ');
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    pair_put(&pair, spaces, 100000);
    assert_result(&pair, QMP_STREAM_AGAIN);
    assert_true(qmp_stream_get_received_bytes(pair.stream) < 100000);
}

static void
endless_space_is_not_a_message(void **state)
{
    g_autofree char *spaces = g_strnfill(10000, ' ');
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    for (guint i = 0; i < 100; i++) {
        pair_put(&pair, spaces, 10000);
        while (qmp_stream_get_received_bytes(pair.stream) < (i + 1) * 10000)
            assert_result(&pair, QMP_STREAM_AGAIN);
    }
    pair_puts(&pair, "{}");
    assert_receives(&pair, "{}");
}

/* Feeds FRAMING with TEXT and expects garbage, in these WORDS. */
static void
assert_garbage(QmpStreamFraming framing, const char *bytes, size_t length, const char *words)
{
    g_auto(Pair) pair;

    pair_open(&pair, framing, &SMALL);
    pair_put(&pair, bytes, length);
    assert_fails(&pair, QMP_STREAM_ERROR_GARBAGE, words);
}

static void
garbage_fails_with_what_it_was(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"hello", "neither an object nor an array: 'hello"},
        {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\\r\\n"},
        {"[1]", "not an object"},
        {"{\"a\":NaN}", "unexpected character"},
        {"{\"a\":\"\xff\"}", "not UTF-8: '{\"a\":\"\\xff"},
        {"{\"a\":\"\001\"}", "control character"},
        {"{\"a\":\"\\u0000\"}", "NUL"},
        {"{\"a\":{\"a\":{\"a\":{\"a\":{", "nested too deep"},
        {"{\"a\" 1}", "invalid message"},
        {"}", "invalid message"},
        {"{]", "invalid message"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_garbage(QMP_STREAM_CONCATENATED, cases[i].text, strlen(cases[i].text), cases[i].words);
        assert_garbage(QMP_STREAM_NUL, cases[i].text, strlen(cases[i].text) + 1, cases[i].words);
    }
    assert_garbage(QMP_STREAM_CONCATENATED, "", 1, "'\\x00'");
    assert_garbage(QMP_STREAM_NUL, "", 1, "ends too early");
    assert_garbage(QMP_STREAM_NUL, " ", 2, "ends too early");
    assert_garbage(QMP_STREAM_NUL, "{\"a\":1", 7, "ends too early");
    assert_garbage(QMP_STREAM_NUL, "{}{}", 5, "follows its end");
    assert_garbage(QMP_STREAM_NUL, "{} x", 5, "follows its end");
}

static void
what_came_before_garbage_is_received(void **state)
{
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    pair_puts(&pair, "{\"a\":1}{\"b\":2}oops");
    assert_receives(&pair, "{\"a\":1}");
    assert_receives(&pair, "{\"b\":2}");
    assert_fails(&pair, QMP_STREAM_ERROR_GARBAGE, "oops");
}

static void
length_is_limited_to_the_byte(void **state)
{
    for (guint extra = 0; extra < 2; extra++) {
        for (QmpStreamFraming framing = QMP_STREAM_CONCATENATED; framing <= QMP_STREAM_NUL; framing++) {
            const size_t length = SMALL.message_bytes + extra;
            g_autofree char *text = g_strnfill(length, 'x');
            g_auto(Pair) pair;
            memcpy(text, "{\"a\":\"", 6);
            memcpy(text + length - 2, "\"}", 2);
            pair_open(&pair, framing, &SMALL);
            pair_put(&pair, text, length + 1);
            if (extra)
                assert_fails(&pair, QMP_STREAM_ERROR_GARBAGE, "too long");
            else
                assert_receives(&pair, text);
        }
    }
    (void)state;
}

/* A peer that goes on for ever is stopped at the limit, not at its end. */
static void
an_endless_message_is_cut_off(void **state)
{
    g_autofree char *chunk = g_strnfill(50000, 'x');
    g_auto(Pair) pair;
    QmpStreamResult result = QMP_STREAM_AGAIN;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &QMP_STREAM_LIMITS_CONTROL);
    pair_puts(&pair, "{\"a\":\"");
    for (guint i = 0; i < 1000 && result == QMP_STREAM_AGAIN; i++) {
        pair_put(&pair, chunk, 50000);
        for (guint k = 0; k < 20 && result == QMP_STREAM_AGAIN; k++)
            result = qmp_stream_receive(pair.stream, NULL, NULL);
    }
    assert_int_equal(result, QMP_STREAM_FAILED);
    assert_true(qmp_stream_get_received_bytes(pair.stream) <
                QMP_STREAM_LIMITS_CONTROL.message_bytes + 200000);
    assert_fails(&pair, QMP_STREAM_ERROR_GARBAGE, "too long");
}

static void
cost_is_limited_below_length(void **state)
{
    g_autoptr(GString) text = g_string_new("{\"a\":[{}");
    g_auto(Pair) pair;

    (void)state;
    while (text->len < SMALL.message_bytes - 10)
        g_string_append(text, ",{}");
    g_string_append(text, "]}");
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    pair_puts(&pair, text->str);
    assert_fails(&pair, QMP_STREAM_ERROR_GARBAGE, "too large");
}

static void
an_end_inside_a_message_is_a_failure(void **state)
{
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    pair_puts(&pair, "{}{\"a\":");
    pair_close_peer(&pair);
    assert_receives(&pair, "{}");
    assert_fails(&pair, QMP_STREAM_ERROR_CLOSED, "in the middle of a message");
}

static void
send_frames_as_asked(void **state)
{
    g_autoptr(json_object) message = json_object_new_object();

    qmp_json_add_string(message, "a", "/x");
    for (QmpStreamFraming framing = QMP_STREAM_CONCATENATED; framing <= QMP_STREAM_NUL; framing++) {
        g_auto(Pair) pair;
        char bytes[32] = "";
        pair_open(&pair, framing, &SMALL);
        assert_true(qmp_stream_send(pair.stream, message, NULL));
        assert_false(qmp_stream_has_output(pair.stream));
        assert_int_equal(qmp_stream_get_poll_events(pair.stream), POLLIN);
        assert_int_equal(recv(pair.peer, bytes, sizeof(bytes), MSG_DONTWAIT), 11);
        assert_memory_equal(bytes, framing == QMP_STREAM_NUL ? "{\"a\":\"/x\"}\0" : "{\"a\":\"/x\"}\n", 11);
    }
    (void)state;
}

/* Reads a blank that FD came with. */
static void
expect_descriptor(const Pair *pair, int fd)
{
    char byte = 0, control[CMSG_SPACE(sizeof(int))];
    struct iovec bytes = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct stat sent, received;
    int came = -1;

    assert_int_equal(recvmsg(pair->peer, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), 1);
    assert_int_equal(byte, ' ');
    assert_non_null(CMSG_FIRSTHDR(&message));
    memcpy(&came, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(came));
    assert_int_equal(fstat(fd, &sent), 0);
    assert_int_equal(fstat(came, &received), 0);
    assert_int_equal(received.st_ino, sent.st_ino);
    close(came);
}

static void
output_waits_for_a_slow_reader_up_to_its_limit(void **state)
{
    g_autofree char *filler = g_strnfill(99990, 'x');
    g_autofree char *bytes = g_malloc(1 << 16);
    g_autoptr(json_object) message = json_object_new_object();
    g_autoptr(GError) error = NULL;
    g_auto(Pair) pair;
    size_t sent = 0, received = 0;

    (void)state;
    qmp_json_add_string(message, "a", filler); /* 100 000 bytes with its frame */
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    while (qmp_stream_send(pair.stream, message, &error)) {
        sent += 99999;
        assert_true(sent < 100u << 20);
    }
    assert_true(g_error_matches(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL));
    assert_true(qmp_stream_has_output(pair.stream));
    assert_int_equal(qmp_stream_get_poll_events(pair.stream), POLLIN | POLLOUT);
    g_clear_error(&error);
    assert_false(qmp_stream_send_fd(pair.stream, pair.peer, &error)); /* not into the middle of a message */
    assert_true(g_error_matches(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_FULL));

    /* What was refused left no trace, what was taken arrives whole. */
    for (;;) {
        ssize_t n = recv(pair.peer, bytes, 1 << 16, MSG_DONTWAIT);
        if (n < 0)
            break;
        received += (size_t)n;
        assert_true(qmp_stream_flush(pair.stream, NULL));
    }
    assert_false(qmp_stream_has_output(pair.stream));
    assert_int_equal(received, sent);
    assert_true(qmp_stream_send_fd(pair.stream, pair.peer, NULL));
    expect_descriptor(&pair, pair.peer);
}

/* SIGPIPE would end the test. */
static void
a_peer_that_left_is_told_and_its_last_words_are_read(void **state)
{
    g_autoptr(json_object) message = json_object_new_object();
    g_autoptr(GError) error = NULL;
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    pair_puts(&pair, "{\"last\":1}");
    pair_close_peer(&pair);
    assert_false(qmp_stream_send(pair.stream, message, &error));
    assert_true(g_error_matches(error, QMP_STREAM_ERROR, QMP_STREAM_ERROR_CLOSED));
    assert_false(qmp_stream_has_output(pair.stream));
    assert_false(qmp_stream_flush(pair.stream, NULL));
    assert_receives(&pair, "{\"last\":1}");
    assert_result(&pair, QMP_STREAM_EOF);
}

static void
a_reset_is_an_end(void **state)
{
    g_autoptr(json_object) message = json_object_new_object();
    g_auto(Pair) pair;

    (void)state;
    pair_open(&pair, QMP_STREAM_CONCATENATED, &SMALL);
    assert_true(qmp_stream_send(pair.stream, message, NULL));
    pair_close_peer(&pair); /* with that unread */
    assert_result(&pair, QMP_STREAM_EOF);
}

static void
half_closed_peer_can_still_be_answered(void **state)
{
    g_autoptr(json_object) message = json_object_new_object();
    g_auto(Pair) pair;
    char bytes[8];

    (void)state;
    pair_open(&pair, QMP_STREAM_NUL, &SMALL);
    pair_put(&pair, "{}", 3);
    shutdown(pair.peer, SHUT_WR);
    assert_receives(&pair, "{}");
    assert_result(&pair, QMP_STREAM_EOF);
    assert_true(qmp_stream_send(pair.stream, message, NULL));
    assert_int_equal(recv(pair.peer, bytes, sizeof(bytes), MSG_DONTWAIT), 3);
}

static void
descriptors_are_private_and_nonblocking(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    g_autoptr(QmpStream) stream = qmp_stream_new(fds[0], QMP_STREAM_NUL, &SMALL);
    assert_int_equal(qmp_stream_get_fd(stream), fds[0]);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    close(fds[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concatenated_messages_in_one_read),
        cmocka_unit_test(nul_ended_messages_in_one_read),
        cmocka_unit_test(messages_may_be_split_anywhere),
        cmocka_unit_test(messages_may_come_byte_by_byte),
        cmocka_unit_test(a_dripped_message_takes_linear_time),
        cmocka_unit_test(one_receive_reads_once),
        cmocka_unit_test(endless_space_is_not_a_message),
        cmocka_unit_test(garbage_fails_with_what_it_was),
        cmocka_unit_test(what_came_before_garbage_is_received),
        cmocka_unit_test(length_is_limited_to_the_byte),
        cmocka_unit_test(an_endless_message_is_cut_off),
        cmocka_unit_test(cost_is_limited_below_length),
        cmocka_unit_test(an_end_inside_a_message_is_a_failure),
        cmocka_unit_test(send_frames_as_asked),
        cmocka_unit_test(output_waits_for_a_slow_reader_up_to_its_limit),
        cmocka_unit_test(a_peer_that_left_is_told_and_its_last_words_are_read),
        cmocka_unit_test(a_reset_is_an_end),
        cmocka_unit_test(half_closed_peer_can_still_be_answered),
        cmocka_unit_test(descriptors_are_private_and_nonblocking),
    };

    alarm(50);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
