/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the target of an upgrade is given of the source's descriptors. They are held no longer than it takes to pass
 * them on: a socket that the engine held would outlive its QEMU.
 */
#include <unistd.h>

#include "guest/error.h"
#include "guest/handover.h"
#include "guest/spawn.h"
#include "guest/tap-queue.h"
#include "guest/tap-steering.h"
#include "guest/vhost.h"
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

static void
add(GPtrArray *array, const QemuPlanFd *wanted, int fd)
{
    GuestHanded *handed = g_new0(GuestHanded, 1);

    *handed = (GuestHanded){.kind = wanted->kind, .source_number = wanted->index, .fd = fd};
    g_ptr_array_add(array, handed);
}

static int
fetch(const GuestSpawn *spawn, const GuestInstance *source, const QemuPlanFd *wanted, GError **error)
{
    const QemuHolding *holding = qemu_holdings_find_number(spawn->holdings, (int)wanted->index);

    if (wanted->kind == QEMU_PLAN_FD_VHOST_NET)
        return guest_vhost_net_open(error);
    g_return_val_if_fail(holding, -1);
    return guest_handover_fetch(source, holding, error);
}

/* Into ARRAY of GuestHanded. */
static bool
fetch_one(const GuestSpawn *spawn, const GuestInstance *source, const QemuPlanFd *wanted, GPtrArray *array, GError **error)
{
    int fd = fetch(spawn, source, wanted, error);

    if (fd < 0)
        return false;
    add(array, wanted, fd);
    return true;
}

bool
guest_spawn_fetch_handed(GuestSpawn *spawn, const GuestInstance *source, GError **error)
{
    for (guint i = 0; i < spawn->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(spawn->plan->fds, QemuPlanFd, i);
        bool is_meant = fd->kind == QEMU_PLAN_FD_HANDED || fd->kind == QEMU_PLAN_FD_NAMED || fd->kind == QEMU_PLAN_FD_VHOST_NET;
        if (is_meant && !fetch_one(spawn, source, fd, spawn->handed, error))
            return false;
    }
    return true;
}

/* The source's queues in whose stead there are to be new ones: GPtrArray of GuestHanded, owned. */
static GPtrArray *
fetch_queues(const GuestSpawn *spawn, const GuestInstance *source, GError **error)
{
    g_autoptr(GPtrArray) queues = g_ptr_array_new_with_free_func((GDestroyNotify)guest_handed_free);

    for (guint i = 0; i < spawn->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(spawn->plan->fds, QemuPlanFd, i);
        if (fd->kind == QEMU_PLAN_FD_QUEUE && !fetch_one(spawn, source, fd, queues, error))
            return NULL;
    }
    return g_steal_pointer(&queues);
}

/* Each by the new one beside it. Packets have been kept away from them before there are any. */
static bool
replace_queues(const GuestEnvironment *environment, const GPtrArray *queues, GError **error)
{
    g_autofree int *old = g_new(int, queues->len), *new = g_new(int, queues->len);

    for (guint i = 0; i < queues->len; i++) {
        old[i] = ((const GuestHanded *)g_ptr_array_index(queues, i))->fd;
        if (!guest_tap_steering_begin(old[i], environment->steering_program, error))
            return false;
    }
    if (!guest_tap_queues_open(environment->launcher, old, queues->len, new, error))
        return false;
    for (guint i = 0; i < queues->len; i++) {
        close(old[i]);
        ((GuestHanded *)g_ptr_array_index(queues, i))->fd = new[i];
    }
    return true;
}

bool
guest_spawn_make_queues(GuestSpawn *spawn, const GuestInstance *source, GError **error)
{
    g_autoptr(GPtrArray) queues = fetch_queues(spawn, source, error);

    if (!queues || (queues->len > 0 && !replace_queues(spawn->environment, queues, error)))
        return false;
    g_ptr_array_extend_and_steal(spawn->handed, g_steal_pointer(&queues));
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
