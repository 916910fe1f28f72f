/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads and time for the test guest. */
#include "guest.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

void
thread_start(void *(*run)(void *), void *argument, int cpu)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    if (cpu >= 0) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET((unsigned)cpu, &set);
        pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
    }

    errno = pthread_create(&thread, &attributes, run, argument);
    if (errno)
        log_line("ERROR cannot start a thread: %s", log_errno());
    pthread_attr_destroy(&attributes);
}

void
sleep_ns(uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

    nanosleep(&time, NULL);
}

uint64_t
now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}
