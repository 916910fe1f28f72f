/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.h"

#define TRIES 100

/* LOOP_CONFIGURE (Linux 5.8) does it in one step, so that it goes away with the last descriptor from the start on. */
static bool
configure(int device, const char *image)
{
    struct loop_config config = {.info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    int file = open(image, O_RDWR | O_CLOEXEC);

    assert_true(file >= 0);
    config.fd = (uint32_t)file;
    bool done = ioctl(device, LOOP_CONFIGURE, &config) == 0;
    int error = errno;
    close(file);
    errno = error;
    return done;
}

/* The free one that is told may be another's a moment later (EBUSY). */
static char *
attach(int control, const char *image)
{
    for (int i = 0; i < TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            return NULL;
        g_autofree char *path = g_strdup_printf("/dev/loop%d", number);
        int device = open(path, O_RDWR | O_CLOEXEC);
        if (device < 0)
            return NULL;
        if (configure(device, image))
            return g_steal_pointer(&path);
        int error = errno;
        close(device);
        errno = error;
        if (error != EBUSY)
            return NULL;
    }
    return NULL;
}

char *
loop_attach(const char *image)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    char *path = control >= 0 ? attach(control, image) : NULL;

    if (!path) {
        g_autofree char *why = g_strdup_printf("needs loop devices: %s", g_strerror(errno));
        harness_skip(why);
    }
    close(control);
    return path;
}
