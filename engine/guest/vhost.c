/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "guest/error.h"

#define VHOST_NET "/dev/vhost-net"

int
guest_vhost_net_open(GError **error)
{
    int fd = open(VHOST_NET, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        guest_error_set(error, GUEST_ERROR_FAILED, "net-vhost", "load the module vhost_net, and let the engine open it",
                        VHOST_NET ", which the new QEMU needs for vhost: %s", g_strerror(errno));
    return fd;
}

static bool
asks_for_it(const QemuPlan *plan)
{
    for (guint i = 0; i < plan->fds->len; i++)
        if (g_array_index(plan->fds, QemuPlanFd, i).kind == QEMU_PLAN_FD_VHOST_NET)
            return true;
    return false;
}

void
guest_vhost_net_look(const QemuPlan *plan, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    int fd = asks_for_it(plan) ? guest_vhost_net_open(&error) : -1;

    if (error)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, guest_error_get_code(error), guest_error_get_hint(error), "%s",
                          error->message);
    if (fd >= 0)
        close(fd);
}
