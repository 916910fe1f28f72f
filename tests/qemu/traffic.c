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

struct Traffic {
    HarnessGuest *guest;
    Stream *streams[TRAFFIC_STREAMS_MAX];
    unsigned n_streams;
    int connection;
};

void
traffic_start(Traffic *traffic)
{
    for (unsigned i = 0; i < traffic->n_streams; i++)
        traffic->streams[i] = stream_start(NETWORK_GUEST);
}

bool
traffic_check(Traffic *traffic, const char *what)
{
    StreamResult results[TRAFFIC_STREAMS_MAX];
    bool is_kept = true;

    stream_stop_all(traffic->streams, traffic->n_streams, results);
    for (unsigned i = 0; i < traffic->n_streams; i++) {
        print_message("%s: %u sent, %u lost (%u in a row), %u duplicated\n", what, results[i].sent, results[i].lost,
                      results[i].longest_gap, results[i].duplicated);
        is_kept = is_kept && results[i].lost <= MAX_LOST;
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
