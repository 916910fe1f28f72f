/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "carry.h"
#include "network.h"
#include "stream.h"
#include "talk.h"
#include "traffic.h"

#define MAX_LOST 2
#define PERIOD_MS 10 /* of a stream */
#define SCRATCH "scratch"

struct Traffic {
    HarnessGuest *guest;
    Stream *streams[TRAFFIC_STREAMS_MAX];
    unsigned n_streams;
    int connection;
    GThread *clock;
    gint is_measured; /* atomic */
    gint64 longest_us;
};

/*
 * What comes for a queue that is being detached the kernel drops until no processor uses it any more
 * (drivers/net/tun.c:__tun_detach() waits for readers before it forgets the queue's flows). That is 0.3 ms on a node with time
 * to spare, and a second on one that has ten times more to do than it can. So it is measured meanwhile, on another device.
 */
static gpointer
measure_detaching(gpointer data)
{
    Traffic *traffic = data;
    int first = network_open_tap(SCRATCH, IFF_MULTI_QUEUE), second = network_open_tap(SCRATCH, IFF_MULTI_QUEUE);

    while (g_atomic_int_get(&traffic->is_measured)) {
        gint64 begun_us = g_get_monotonic_time();
        network_set_attached(second, false);
        traffic->longest_us = MAX(traffic->longest_us, g_get_monotonic_time() - begun_us);
        network_set_attached(second, true);
        g_usleep(PERIOD_MS * 1000);
    }
    close(second);
    close(first);
    return NULL;
}

/* A queue is detached twice in an upgrade. */
static unsigned
count_dropped(Traffic *traffic)
{
    if (!traffic->clock)
        return 0;
    g_atomic_int_set(&traffic->is_measured, FALSE);
    g_thread_join(traffic->clock);
    traffic->clock = NULL;
    print_message("detaching a queue took up to %.1f ms\n", (double)traffic->longest_us / 1000.0);
    return (unsigned)(2 * traffic->longest_us / 1000 / PERIOD_MS);
}

void
traffic_start(Traffic *traffic)
{
    if (traffic->n_streams > 1) {
        traffic->longest_us = 0;
        traffic->is_measured = TRUE;
        traffic->clock = g_thread_new("detaching", measure_detaching, traffic);
    }
    for (unsigned i = 0; i < traffic->n_streams; i++)
        traffic->streams[i] = stream_start(NETWORK_GUEST);
}

bool
traffic_check(Traffic *traffic, const char *what)
{
    StreamResult results[TRAFFIC_STREAMS_MAX];
    unsigned allowed = MAX_LOST + count_dropped(traffic);
    bool is_kept = true;

    stream_stop_all(traffic->streams, traffic->n_streams, results);
    for (unsigned i = 0; i < traffic->n_streams; i++) {
        print_message("%s: %u sent, %u lost (%u in a row), %u duplicated\n", what, results[i].sent, results[i].lost,
                      results[i].longest_gap, results[i].duplicated);
        is_kept = is_kept && results[i].lost <= allowed;
        assert_int_equal(results[i].duplicated, 0);
    }
    talk_expect_echo(traffic->connection, "still here\n");
    return is_kept;
}

Traffic *
traffic_new(HarnessGuest *guest, unsigned n_streams)
{
    Traffic *traffic = g_new0(Traffic, 1);

    traffic->guest = guest;
    traffic->n_streams = n_streams;
    stream_stop(stream_start(NETWORK_GUEST));
    traffic->connection = network_connect_to_guest();
    talk_expect_echo(traffic->connection, "hello\n");
    return traffic;
}

bool
traffic_upgrade(Traffic *traffic, HarnessBuild build)
{
    traffic_start(traffic);
    harness_guest_upgrade(traffic->guest, build);
    return traffic_check(traffic, harness_build_version(build));
}

bool
traffic_roll_back(Traffic *traffic)
{
    traffic_start(traffic);
    carry_roll_back(traffic->guest);
    return traffic_check(traffic, "rolled back");
}

void
traffic_through_everything(Traffic *traffic, unsigned rounds)
{
    bool there = false, rolled_back = false, back = false;

    for (unsigned i = 0; i < rounds && !(there && rolled_back && back); i++) {
        there |= traffic_upgrade(traffic, BUILD_SECOND);
        rolled_back |= traffic_roll_back(traffic);
        back |= traffic_upgrade(traffic, BUILD_INSTALLED);
    }
    assert_true(there && rolled_back && back);
}

void
traffic_free(Traffic *traffic)
{
    close(traffic->connection);
    harness_guest_check_network(traffic->guest);
    g_free(traffic);
}
