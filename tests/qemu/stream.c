/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "harness.h"
#include "stream.h"

#define MAX_DATAGRAMS 16384
#define TAIL_MS 500   /* the stream goes on behind what it watches */
#define DRAIN_MS 3000 /* for echoes that are late, once the guest answers what was sent behind all of them */
#define ANSWER_MS (10 * DRAIN_MS) /* and for that answer */
#define END_MARK (G_MAXUINT32 - 1)

struct Stream {
    int fd, timer;
    gint state; /* atomic */
    unsigned sent;
    bool has_answered_end;
    guint8 seen[MAX_DATAGRAMS]; /* echoes of each, at most 255 */
    GThread *thread;
};
enum { STREAM_RUNS, STREAM_DRAINS };

unsigned stream_period_ms = 10;

static void
receive(Stream *stream)
{
    guint32 number = 0;

    while (recv(stream->fd, &number, sizeof(number), MSG_DONTWAIT) == sizeof(number))
        if (number < MAX_DATAGRAMS && stream->seen[number] < G_MAXUINT8)
            stream->seen[number]++;
        else if (number == END_MARK)
            stream->has_answered_end = true;
}

static void
tick(Stream *stream)
{
    guint64 expirations = 0;

    if (read(stream->timer, &expirations, sizeof(expirations)) != sizeof(expirations))
        return;
    bool runs = g_atomic_int_get(&stream->state) == STREAM_RUNS;
    if (runs && stream->sent == MAX_DATAGRAMS)
        return;
    guint32 number = runs ? stream->sent++ : END_MARK;
    /* A full queue of the TAP is a lost datagram like any other. */
    send(stream->fd, &number, sizeof(number), MSG_DONTWAIT);
}

static bool
is_complete(const Stream *stream)
{
    for (unsigned i = 0; i < stream->sent; i++)
        if (!stream->seen[i])
            return false;
    return true;
}

/*
 * A guest that stands still for long (its QEMU has only just begun to translate it, on a machine that is emulated itself) answers late,
 * and has lost nothing.
 */
static gpointer
run(gpointer data)
{
    Stream *stream = data;
    struct pollfd polled[] = {{.fd = stream->fd, .events = POLLIN}, {.fd = stream->timer, .events = POLLIN}};
    gint64 end_us = G_MAXINT64;

    while (g_get_monotonic_time() < end_us) {
        poll(polled, G_N_ELEMENTS(polled), DRAIN_MS);
        receive(stream);
        if (polled[1].revents)
            tick(stream);
        if (g_atomic_int_get(&stream->state) != STREAM_DRAINS)
            continue;
        if (is_complete(stream))
            break;
        if (end_us == G_MAXINT64)
            end_us = g_get_monotonic_time() + (gint64)ANSWER_MS * harness_get_patience() * 1000;
        if (stream->has_answered_end)
            end_us = MIN(end_us, g_get_monotonic_time() + (gint64)DRAIN_MS * 1000);
    }
    return NULL;
}

/* Until the guest's driver and our neighbour table are there. */
static void
await_answer(int fd)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_READY_MS * 1000;
    guint32 number = G_MAXUINT32;

    while (g_get_monotonic_time() < deadline_us) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        send(fd, &number, sizeof(number), MSG_DONTWAIT);
        if (poll(&polled, 1, 100) > 0 && recv(fd, &number, sizeof(number), MSG_DONTWAIT) > 0)
            return;
    }
    fail_msg("the guest does not answer");
}

Stream *
stream_start(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7)};
    const struct timespec interval = {.tv_sec = stream_period_ms / 1000, .tv_nsec = stream_period_ms % 1000 * 1000000L};
    const struct itimerspec period = {.it_interval = interval, .it_value = interval};
    Stream *stream = g_new0(Stream, 1);

    assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
    stream->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    stream->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    assert_int_equal(connect(stream->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    await_answer(stream->fd);
    assert_int_equal(timerfd_settime(stream->timer, 0, &period, NULL), 0);
    stream->thread = g_thread_new("stream", run, stream);
    return stream;
}

static StreamResult
count(const Stream *stream)
{
    StreamResult result = {.sent = stream->sent};
    unsigned gap = 0;

    for (unsigned i = 0; i < stream->sent; i++) {
        gap = stream->seen[i] ? 0 : gap + 1;
        result.lost += !stream->seen[i];
        result.duplicated += stream->seen[i] > 1;
        if (gap > result.longest_gap) {
            result.longest_gap = gap;
            result.gap_begin = i + 1 - gap;
        }
    }
    return result;
}

static StreamResult
finish(Stream *stream)
{
    StreamResult result;

    g_thread_join(stream->thread);
    result = count(stream);
    close(stream->fd);
    close(stream->timer);
    g_free(stream);
    return result;
}

void
stream_stop_all(Stream *const *streams, unsigned n, StreamResult *ret_results)
{
    QmpWait tail = qmp_wait_from_now(TAIL_MS, -1);

    qmp_wait_poll(&tail, -1, 0);
    for (unsigned i = 0; i < n; i++)
        g_atomic_int_set(&streams[i]->state, STREAM_DRAINS);
    for (unsigned i = 0; i < n; i++)
        ret_results[i] = finish(streams[i]);
}

StreamResult
stream_stop(Stream *stream)
{
    StreamResult result;

    stream_stop_all(&stream, 1, &result);
    return result;
}
