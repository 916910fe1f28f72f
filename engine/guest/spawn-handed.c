/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the target of an upgrade is given of the source's descriptors. They are held no longer than it takes to pass
 * them on: a socket that the engine held would outlive its QEMU.
 */
#include <unistd.h>

#include "guest/error.h"
#include "guest/handover.h"
#include "guest/spawn.h"

void
guest_handed_free(GuestHanded *handed)
{
    if (!handed)
        return;
    if (handed->fd >= 0)
        close(handed->fd);
    g_free(handed);
}

int
guest_spawn_get_handed(const GuestSpawn *spawn, unsigned source_number)
{
    for (guint i = 0; i < spawn->handed->len; i++) {
        const GuestHanded *handed = g_ptr_array_index(spawn->handed, i);
        if (handed->source_number == source_number)
            return handed->fd;
    }
    return -1;
}

static bool
fetch_one(GuestSpawn *spawn, const GuestInstance *source, unsigned source_number, GError **error)
{
    const QemuHolding *holding = qemu_holdings_find_number(spawn->holdings, (int)source_number);
    GuestHanded *handed;
    int fd;

    g_return_val_if_fail(holding, false);
    fd = guest_handover_fetch(source, holding, error);
    if (fd < 0)
        return false;
    handed = g_new0(GuestHanded, 1);
    *handed = (GuestHanded){.source_number = source_number, .fd = fd};
    g_ptr_array_add(spawn->handed, handed);
    return true;
}

bool
guest_spawn_fetch_handed(GuestSpawn *spawn, const GuestInstance *source, GError **error)
{
    for (guint i = 0; i < spawn->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(spawn->plan->fds, QemuPlanFd, i);
        if (fd->kind == QEMU_PLAN_FD_HANDED && !fetch_one(spawn, source, fd->index, error))
            return false;
    }
    return true;
}
