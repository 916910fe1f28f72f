/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The test guest: the only program of its initramfs. It brings up drivers, starts the loads that the kernel command
 * line asks for, and says once a second on the console how they do:
 *
 *     moult-guest: ready
 *     moult-guest: t=12 ticks=53210 mem=ok/17 disk=1034/ok net=12 vcpus=2
 *
 * "ERR" in place of "ok" is final: errors are never forgotten.
 */
#include "guest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static void
mount_all(void)
{
    static const struct {
        const char *type;
        const char *path;
    } mounts[] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};

    for (unsigned i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
        mkdir(mounts[i].path, 0755);
        if (mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL) < 0)
            log_line("ERROR cannot mount %s: %s", mounts[i].path, log_errno());
    }
}

static void
report(uint64_t begun_ns)
{
    log_line("t=%" PRIu64 " ticks=%" PRIu64 " mem=%s/%" PRIu64 " disk=%" PRIu64 "/%s net=%" PRIu64 " vcpus=%u",
             (now_ns() - begun_ns) / 1000000000, PAGE_GET(ticks), PAGE_GET(memory_errors) ? "ERR" : "ok",
             PAGE_GET(memory_passes), PAGE_GET(disk_written), PAGE_GET(disk_errors) ? "ERR" : "ok",
             PAGE_GET(net_udp_echoes) + PAGE_GET(net_tcp_echoes), page->vcpus);
}

static void __attribute__((noreturn))
stand_still(void)
{
    for (;;)
        pause();
}

int
main(void)
{
    mount_all();
    config_read();
    if (!page_create())
        stand_still();
    hotplug_start();
    modules_load();

    unsigned vcpus = (unsigned)get_nprocs();
    PAGE_SET(vcpus, vcpus);
    tick_start();
    memory_start(vcpus);
    disk_start();
    net_start();
    devices_start();
    PAGE_SET(ready, 1);
    log_line("ready");

    uint64_t begun_ns = now_ns();
    for (;;) {
        sleep_ns(1000000000);
        gate_pass();
        report(begun_ns);
    }
}
