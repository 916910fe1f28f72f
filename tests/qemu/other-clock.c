/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into a program, sets its time of day: OTHER_CLOCK names a file that holds one int64_t, microseconds to be added,
 * which may be changed while the program runs. The machine's clock, and every other clock of the program, stay as they are.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S 1000000
#define NS_PER_S 1000000000

static const volatile int64_t *offset_us;
/* Before main: a confined program opens no files later. */
__attribute__((constructor)) static void
begin(void)
{
    const char *path = getenv("OTHER_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(*offset_us), PROT_READ, MAP_SHARED, fd, 0);
    offset_us = map == MAP_FAILED ? NULL : map;
    close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t clock, struct timespec *time);

    if (!real) /* others' constructors come before ours */
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);

    if (result < 0 || clock != CLOCK_REALTIME || !offset_us)
        return result;
    int64_t ns = ((int64_t)time->tv_sec * US_PER_S + *offset_us) * 1000 + time->tv_nsec;
    time->tv_sec = ns / NS_PER_S;
    time->tv_nsec = ns % NS_PER_S;
    return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &time) < 0)
        return -1;
    *now = (struct timeval){.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
    return 0;
}

time_t
time(time_t *ret_time)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return -1;
    if (ret_time)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}
