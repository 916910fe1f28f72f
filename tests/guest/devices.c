/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small services on further devices, each only when the device is there. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/input.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECOND_NS 1000000000
#define KNOWN_MAX 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *known[KNOWN_MAX];
static unsigned n_known;

/* Keeps requests to the random number generator coming. */
static void *
rng_run(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char data[16];

    for (;;) {
        ssize_t size = read(fd, data, sizeof(data));

        if (size > 0)
            PAGE_ADD(rng_bytes, (uint64_t)size);
        sleep_ns(SECOND_NS / 4);
        gate_pass();
    }
    return NULL;
}

static void
rng_start(void)
{
    int fd = open("/dev/hwrng", O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        thread_start(rng_run, (void *)(intptr_t)fd, -1);
}

/* Echoes what the host writes to a virtio-serial port; 0 bytes means that nobody is connected. */
static void *
port_run(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char data[4096];

    for (;;) {
        ssize_t size = read(fd, data, sizeof(data));

        if (size > 0 && write(fd, data, (size_t)size) == size)
            PAGE_ADD(port_echoes, 1);
        else
            sleep_ns(SECOND_NS / 10);
    }
    return NULL;
}

static bool
is_known(const char *path)
{
    for (unsigned i = 0; i < n_known; i++)
        if (!strcmp(known[i], path))
            return true;
    return false;
}

/* Each path is opened once; a device that comes back under an old name is not seen. */
static void
open_new(const char *pattern, int flags, void (*use)(int fd))
{
    glob_t found;

    if (glob(pattern, 0, NULL, &found))
        return;
    for (size_t i = 0; i < found.gl_pathc && n_known < KNOWN_MAX; i++) {
        if (is_known(found.gl_pathv[i]))
            continue;
        int fd = open(found.gl_pathv[i], flags | O_CLOEXEC);

        if (fd < 0)
            continue;
        known[n_known++] = strdup(found.gl_pathv[i]);
        use(fd);
    }
    globfree(&found);
}

static void
port_use(int fd)
{
    thread_start(port_run, (void *)(intptr_t)fd, -1);
}

/* A console, or the second serial port: what is typed there the line discipline echoes, as long as somebody has it open. */
static void
console_use(int fd)
{
    (void)fd;
}

static void *
button_run(void *argument)
{
    int fd = (int)(intptr_t)argument;
    struct input_event event;

    while (read(fd, &event, sizeof(event)) == sizeof(event)) {
        if (event.type != EV_KEY || event.code != KEY_POWER || event.value != 1)
            continue;
        PAGE_ADD(power_buttons, 1);
        log_line("power button");
        power_off();
    }
    return NULL;
}

static void
button_use(int fd)
{
    unsigned char keys[KEY_MAX / 8 + 1] = {0};

    if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) >= 0 && keys[KEY_POWER / 8] & 1 << KEY_POWER % 8)
        thread_start(button_run, (void *)(intptr_t)fd, -1);
    else
        close(fd);
}

void
devices_look(void)
{
    pthread_mutex_lock(&lock);
    open_new("/dev/vport*", O_RDWR, port_use);
    open_new("/dev/hvc*", O_RDWR | O_NOCTTY, console_use);
    open_new("/dev/ttyS1", O_RDWR | O_NOCTTY, console_use);
    open_new("/dev/input/event*", O_RDONLY, button_use);
    pthread_mutex_unlock(&lock);
}

void
devices_start(void)
{
    rng_start();
    devices_look();
}
