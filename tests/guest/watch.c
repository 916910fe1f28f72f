/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch.h"

#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define LOOK_NS 50000
#define SAMPLERS_MAX 4

struct Watch {
    GThread *thread;
    bool is_stopped;
    unsigned n_samplers;
    Sampler *samplers[SAMPLERS_MAX];
    WatchResult result;
};

static uint64_t
now_us(void)
{
    return (uint64_t)g_get_monotonic_time();
}

static uint64_t
watch_look(const Watch *self)
{
    unsigned n = __atomic_load_n(&self->n_samplers, __ATOMIC_ACQUIRE);
    uint64_t furthest = 0;

    for (unsigned i = 0; i < n; i++)
        furthest = MAX(furthest, sampler_get_ticks(self->samplers[i]));
    return furthest;
}

static void
gap_take(WatchResult *result, uint64_t begun_us, uint64_t changed_us, uint64_t last_same_us, uint64_t seen_us)
{
    if (seen_us - changed_us <= result->gap_us)
        return;
    result->gap_us = seen_us - changed_us;
    result->gap_sure_us = last_same_us - changed_us;
    result->gap_at_us = changed_us - begun_us;
}

static gpointer
watch_run(gpointer data)
{
    Watch *self = data;
    WatchResult *result = &self->result;
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    uint64_t begun_us = now_us(), changed_us = begun_us, looked_us = begun_us;
    uint64_t ticks = watch_look(self);

    /* The default slack of 50 us would double the time between looks. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    result->ticks_first = ticks;
    while (!__atomic_load_n(&self->is_stopped, __ATOMIC_ACQUIRE)) {
        nanosleep(&pause, NULL);
        uint64_t seen = watch_look(self);
        uint64_t seen_us = now_us();

        result->looks++;
        result->look_max_us = MAX(result->look_max_us, seen_us - looked_us);
        if (seen != ticks) {
            gap_take(result, begun_us, changed_us, looked_us, seen_us);
            changed_us = seen_us;
            ticks = seen;
        }
        looked_us = seen_us;
    }
    gap_take(result, begun_us, changed_us, looked_us, looked_us);
    result->ticks_last = ticks;
    result->duration_us = looked_us - begun_us;
    return NULL;
}

Watch *
watch_start(Sampler *const *samplers, unsigned n_samplers)
{
    Watch *self = g_new0(Watch, 1);

    g_assert(n_samplers >= 1 && n_samplers <= SAMPLERS_MAX);
    memcpy(self->samplers, samplers, n_samplers * sizeof(*samplers));
    self->n_samplers = n_samplers;
    self->thread = g_thread_new("watch", watch_run, self);
    return self;
}

void
watch_add(Watch *watch, Sampler *sampler)
{
    g_assert(watch->n_samplers < SAMPLERS_MAX);
    watch->samplers[watch->n_samplers] = sampler;
    __atomic_store_n(&watch->n_samplers, watch->n_samplers + 1, __ATOMIC_RELEASE);
}

void
watch_stop(Watch *watch, WatchResult *ret_result)
{
    __atomic_store_n(&watch->is_stopped, true, __ATOMIC_RELEASE);
    g_thread_join(watch->thread);
    *ret_result = watch->result;
    g_free(watch);
}

void
sampler_max_gap(Sampler *sampler, uint64_t duration_us, WatchResult *ret_result)
{
    Watch *watch = watch_start(&sampler, 1);

    g_usleep(duration_us);
    watch_stop(watch, ret_result);
}
