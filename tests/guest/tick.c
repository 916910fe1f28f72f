/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ticks: a counter bumped every config.tick_ns, by a real-time thread so that the other loads of the guest do not
 * show as pauses. With a period of 0 it never sleeps and is an ordinary thread, since it would starve the rest.
 */
#include "guest.h"

#include <sched.h>

#define QUIET_POLL_NS 5000000

static uint64_t period_ns;

void
tick_set_period(uint64_t new_period_ns)
{
    struct sched_param parameters = {.sched_priority = new_period_ns ? 10 : 0};

    period_ns = new_period_ns;
    if (sched_setscheduler(0, new_period_ns ? SCHED_FIFO : SCHED_OTHER, &parameters) < 0)
        log_line("ERROR cannot set the scheduling of the ticks: %s", log_errno());
    PAGE_SET(tick_period_ns, period_ns);
}

static void
tick_once(uint64_t *last_ns)
{
    uint64_t now = now_ns();

    if (*last_ns && now < *last_ns)
        PAGE_ADD(clock_errors, 1);
    else if (*last_ns && now - *last_ns > PAGE_GET(tick_gap_max_ns))
        PAGE_SET(tick_gap_max_ns, now - *last_ns);
    *last_ns = now;
    PAGE_SET(tick_time_ns, now);
    PAGE_SET(ticks, page->ticks + 1);
}

static void *
tick_run(void *unused)
{
    uint64_t last_ns = 0;

    (void)unused;
    tick_set_period(config.tick_ns);
    for (;;) {
        command_poll();
        if (!gate_is_open()) {
            last_ns = 0;
            sleep_ns(QUIET_POLL_NS);
            continue;
        }
        tick_once(&last_ns);
        if (period_ns)
            sleep_ns(period_ns);
    }
    return NULL;
}

void
tick_start(void)
{
    thread_start(tick_run, NULL, -1);
}
