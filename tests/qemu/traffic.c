/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "carry.h"
#include "network.h"
#include "stream.h"
#include "talk.h"
#include "traffic.h"

#define MAX_LOST 2
#define SCRATCH "scratch"
#define SHORT_US 1000
#define PAUSES_OF_PERIOD 10

struct Traffic {
    HarnessGuest *guest;
    Stream *streams[TRAFFIC_STREAMS_MAX];
    unsigned n_streams;
    int connection;
    unsigned lost_at_rest;
    GThread *clock;
    gint is_measured; /* atomic */
    gint64 waited_us;
};

/*
 * Whatever is asked of a TAP, or set, waits for the lock of all network devices of the node (rtnl). Who detaches a queue holds it until no
 * processor uses that any more (drivers/net/tun.c:__tun_detach()): 0.3 ms on a node with time to spare, a tenth of a second and more
 * on one that has ten times more to do than it can. As long is a header size that a target has set not put back; and what comes for
 * that queue is dropped. So it is measured meanwhile, by asking: by a thread that, like the engine's own, waits for nothing but the lock.
 */
static gpointer
measure_lock(gpointer data)
{
    const struct sched_param before_others = {.sched_priority = 1};
    /* A node that is emulated itself gives a guest little else when it is asked a thousand times a second. */
    const gulong pause_us = MAX(SHORT_US, stream_period_ms * 1000UL / PAUSES_OF_PERIOD);
    Traffic *traffic = data;
    int tap = network_open_tap(SCRATCH, 0);
    struct ifreq request;

    if (sched_setscheduler(0, SCHED_FIFO, &before_others) < 0)
        print_message("what the lock is measured by waits for a processor, too\n");
    while (g_atomic_int_get(&traffic->is_measured)) {
        gint64 begun_us = g_get_monotonic_time();
        ioctl(tap, TUNGETIFF, &request);
        gint64 waited_us = g_get_monotonic_time() - begun_us;
        traffic->waited_us += waited_us >= SHORT_US ? waited_us : 0;
        g_usleep(pause_us);
    }
    close(tap);
    return NULL;
}

static unsigned
count_dropped(Traffic *traffic)
{
    const gint64 period_us = (gint64)stream_period_ms * 1000;

    g_atomic_int_set(&traffic->is_measured, FALSE);
    g_thread_join(traffic->clock);
    traffic->clock = NULL;
    print_message("the lock was held for %.1f ms\n", (double)traffic->waited_us / 1000.0);
    return (unsigned)((traffic->waited_us + period_us - 1) / period_us);
}

void
traffic_start(Traffic *traffic)
{
    traffic->waited_us = 0;
    traffic->is_measured = TRUE;
    traffic->clock = g_thread_new("lock", measure_lock, traffic);
    for (unsigned i = 0; i < traffic->n_streams; i++)
        traffic->streams[i] = stream_start(NETWORK_GUEST);
}

bool
traffic_check(Traffic *traffic, const char *what)
{
    StreamResult results[TRAFFIC_STREAMS_MAX];
    unsigned allowed = MAX_LOST + traffic->lost_at_rest + count_dropped(traffic);
    bool is_kept = true;

    stream_stop_all(traffic->streams, traffic->n_streams, results);
    for (unsigned i = 0; i < traffic->n_streams; i++) {
        print_message("%s: %u sent, %u lost (%u in a row from %u), %u duplicated\n", what, results[i].sent, results[i].lost,
                      results[i].longest_gap, results[i].gap_begin, results[i].duplicated);
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

/*
 * A guest of which a CPU is not let run for seconds (a node that has ten times more to do than it can) loses datagrams by itself: the others
 * go on to receive what the program there should take, until its socket is full, which the guest logs. So as much more may be lost as with
 * nothing happening.
 */
static void
rest(Traffic *traffic)
{
    StreamResult results[TRAFFIC_STREAMS_MAX];

    for (unsigned i = 0; i < traffic->n_streams; i++)
        traffic->streams[i] = stream_start(NETWORK_GUEST);
    stream_stop_all(traffic->streams, traffic->n_streams, results);
    traffic->lost_at_rest = 0;
    for (unsigned i = 0; i < traffic->n_streams; i++)
        traffic->lost_at_rest = MAX(traffic->lost_at_rest, results[i].lost);
    if (traffic->lost_at_rest > 0)
        print_message("lost at rest: %u\n", traffic->lost_at_rest);
}

void
traffic_through_everything(Traffic *traffic, unsigned rounds)
{
    bool there = false, rolled_back = false, back = false;

    for (unsigned i = 0; i < rounds && !(there && rolled_back && back); i++) {
        rest(traffic);
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
