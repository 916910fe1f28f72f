/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the target of an upgrade is given of the source's descriptors. They are held no longer than it takes to pass
 * them on: a socket that the engine held would outlive its QEMU.
 */
#include <unistd.h>

#include "guest/error.h"
#include "guest/handover.h"
#include "guest/spawn.h"
#include "qmp/commands.h"

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
fetch_one(GuestSpawn *spawn, const GuestInstance *source, const QemuPlanFd *wanted, GError **error)
{
    const QemuHolding *holding = qemu_holdings_find_number(spawn->holdings, (int)wanted->index);
    GuestHanded *handed;
    int fd;

    g_return_val_if_fail(holding, false);
    fd = guest_handover_fetch(source, holding, error);
    if (fd < 0)
        return false;
    handed = g_new0(GuestHanded, 1);
    *handed = (GuestHanded){.kind = wanted->kind, .source_number = wanted->index, .fd = fd};
    g_ptr_array_add(spawn->handed, handed);
    return true;
}

bool
guest_spawn_fetch_handed(GuestSpawn *spawn, const GuestInstance *source, GError **error)
{
    for (guint i = 0; i < spawn->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(spawn->plan->fds, QemuPlanFd, i);
        bool is_handed = fd->kind == QEMU_PLAN_FD_HANDED || fd->kind == QEMU_PLAN_FD_NAMED;
        if (is_handed && !fetch_one(spawn, source, fd, error))
            return false;
    }
    return true;
}

bool
guest_spawn_name_handed(GuestSpawn *spawn, const QmpWait *wait, GError **error)
{
    for (guint i = 0; i < spawn->handed->len; i++) {
        const GuestHanded *handed = g_ptr_array_index(spawn->handed, i);
        g_autofree char *name = qemu_plan_dup_fd_name(handed->source_number);
        if (handed->kind == QEMU_PLAN_FD_NAMED && !qmp_getfd(spawn->instance->monitor, name, handed->fd, wait, error))
            return false;
    }
    guest_spawn_close_handed(spawn, QEMU_PLAN_FD_NAMED);
    return true;
}

void
guest_spawn_close_handed(GuestSpawn *spawn, QemuPlanFdKind kind)
{
    for (guint i = spawn->handed->len; i-- > 0;)
        if (((const GuestHanded *)g_ptr_array_index(spawn->handed, i))->kind == kind)
            g_ptr_array_remove_index(spawn->handed, i);
}
