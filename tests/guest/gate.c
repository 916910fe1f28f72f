/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The gate that QUIET shuts and RESUME opens, and that is shut for good before the machine ends: a disk that is taken
 * away in the middle of a write would look like an error.
 */
#include "guest.h"

#include <pthread.h>
#include <time.h>

#define CLOSE_TIMEOUT_S 2

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool is_open = true;
/* Held for reading in every step that must not be cut short. */
static pthread_rwlock_t steps = PTHREAD_RWLOCK_INITIALIZER;

bool
gate_is_open(void)
{
    return __atomic_load_n(&is_open, __ATOMIC_ACQUIRE);
}

void
gate_pass(void)
{
    if (gate_is_open())
        return;
    pthread_mutex_lock(&lock);
    while (!gate_is_open())
        pthread_cond_wait(&opened, &lock);
    pthread_mutex_unlock(&lock);
}

void
gate_set(bool open)
{
    pthread_mutex_lock(&lock);
    __atomic_store_n(&is_open, open, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&lock);
}

void
gate_enter(void)
{
    gate_pass();
    pthread_rwlock_rdlock(&steps);
}

void
gate_leave(void)
{
    pthread_rwlock_unlock(&steps);
}

void
gate_close_for_good(void)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += CLOSE_TIMEOUT_S;
    /* A disk that answers no more must not keep the machine from ending. */
    if (pthread_rwlock_timedwrlock(&steps, &deadline))
        log_line("ERROR a load does not come to an end");
}
