/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that appear while the guest runs, or some time after their controller (ports of virtio-serial, disks). The kernel
 * announces each on a netlink socket; what it says does not matter, only that it says something.
 */
#include "guest.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#define KERNEL_GROUP 1

static void *
hotplug_run(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char event[4096];

    while (recv(fd, event, sizeof(event), 0) >= 0) {
        /* One look for all that has come together. */
        while (recv(fd, event, sizeof(event), MSG_DONTWAIT) >= 0)
            ;
        modules_load();
        devices_look();
    }
    log_line("ERROR no more events of devices: %s", log_errno());
    return NULL;
}

void
hotplug_start(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        log_line("ERROR cannot hear of devices: %s", log_errno());
    else
        thread_start(hotplug_run, (void *)(intptr_t)fd, -1);
}
