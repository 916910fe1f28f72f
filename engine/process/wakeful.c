/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process/wakeful.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#define DEVICE "/dev/cpu_dma_latency"

int
process_keep_awake(void)
{
    static const int32_t none_us = 0; /* how long it may take to wake up */
    int fd = open(DEVICE, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, &none_us, sizeof(none_us)) == (ssize_t)sizeof(none_us))
        return fd;
    close(fd);
    return -1;
}
