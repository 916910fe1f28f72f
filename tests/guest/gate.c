/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate that QUIET shuts and RESUME opens. */
#include "guest.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool is_open = true;

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
