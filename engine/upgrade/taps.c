/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/taps.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "guest/error.h"
#include "guest/handover.h"
#include "guest/tap-keeper.h"
#include "guest/tap-steering.h"
#include "process/fd.h"
#include "upgrade/cookie.h"

#define COOKIE_MEMBER "taps"

/* The descriptors of the handed-over TAPs: source numbers and borrowed duplicates, through FUNCTION. */
static bool
foreach_tap(const Upgrade *upgrade,
            bool (*function)(int fd, int source_number, gpointer data, GError **error), gpointer data,
            GError **error)
{
    const GuestSpawn *spawn = upgrade->spawn;

    for (guint i = 0; i < spawn->handed->len; i++) {
        const GuestHanded *handed = g_ptr_array_index(spawn->handed, i);
        const QemuHolding *holding = qemu_holdings_find_number(spawn->holdings, (int)handed->source_number);
        if (handed->kind == QEMU_PLAN_FD_HANDED && holding && holding->kind == QEMU_HOLDING_TAP &&
            !function(handed->fd, (int)handed->source_number, data, error))
            return false;
    }
    return true;
}

static bool
read_one(int fd, int source_number, gpointer taps, GError **error)
{
    GuestTap *tap = guest_tap_read(fd, source_number, error);

    if (tap)
        g_ptr_array_add(taps, tap);
    return tap != NULL;
}

/* The target is to have new queues of it. */
static bool
is_to_be_steered(const GuestSpawn *spawn, const GuestTap *tap)
{
    for (guint i = 0; i < spawn->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(spawn->plan->fds, QemuPlanFd, i);
        const QemuHolding *holding = qemu_holdings_find_number(spawn->holdings, (int)fd->index);
        if (fd->kind == QEMU_PLAN_FD_QUEUE && holding && g_strcmp0(holding->interface, tap->interface) == 0)
            return true;
    }
    return false;
}

/*
 * A QEMU that starts takes all queues but the first out of the device, and ends where that fails. That a macvtap's was out cannot be
 * seen before (a check changes nothing).
 */
static bool
is_used(const GuestTap *tap, GError **error)
{
    if (!tap->is_macvtap || tap->is_attached)
        return true;
    guest_error_set(error, GUEST_ERROR_REFUSED, "net-tap-queues",
                    "let it use all of them (ethtool -L), or give the card no more queues than the guest has CPUs",
                    "macvtap %s: the guest uses not all of the queues, and a QEMU that starts on an unused one fails", tap->interface);
    return false;
}

bool
upgrade_taps_note(Upgrade *upgrade, GError **error)
{
    g_autoptr(GPtrArray) taps = guest_taps_new();

    if (!foreach_tap(upgrade, read_one, taps, error))
        return false;
    for (guint i = 0; i < taps->len; i++) {
        GuestTap *tap = g_ptr_array_index(taps, i);
        tap->is_steered = is_to_be_steered(upgrade->spawn, tap);
        if (!is_used(tap, error))
            return false;
    }
    upgrade_cookie_handover(upgrade, COOKIE_MEMBER, guest_taps_to_json(taps));
    return true;
}

static GPtrArray *
noted(const Upgrade *upgrade)
{
    return guest_taps_from_json(upgrade_cookie_get_handover(upgrade, COOKIE_MEMBER));
}

static bool
duplicate_one(int fd, int source_number G_GNUC_UNUSED, gpointer fds, GError **error)
{
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (duplicate < 0) {
        guest_error_set(error, GUEST_ERROR_FAILED, "tap", NULL, "TAP device: %s", g_strerror(errno));
        return false;
    }
    g_array_append_val((GArray *)fds, duplicate);
    return true;
}

bool
upgrade_taps_keep(Upgrade *upgrade, GError **error)
{
    GPtrArray *taps = noted(upgrade);
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
    bool all = foreach_tap(upgrade, duplicate_one, fds, error);

    if (all && taps->len == fds->len && fds->len > 0) {
        upgrade->tap_keeper = guest_tap_keeper_start(taps, fds);
        return true;
    }
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    g_array_unref(fds);
    g_ptr_array_unref(taps);
    return all;
}

static void
stop_keeper(Upgrade *upgrade, GuestTapParty party)
{
    GuestTapKeeper *keeper = upgrade->tap_keeper;

    upgrade->tap_keeper = NULL;
    if (keeper)
        g_debug("TAP devices: put back %u times", guest_tap_keeper_stop(keeper, party));
}

void
upgrade_taps_hand_over(Upgrade *upgrade)
{
    stop_keeper(upgrade, GUEST_TAP_TO_TARGET);
}

void
upgrade_taps_let_go(Upgrade *upgrade)
{
    stop_keeper(upgrade, GUEST_TAP_TO_SOURCE);
}

bool
upgrade_taps_restore(Upgrade *upgrade, GError **error)
{
    const GuestInstance *source = upgrade_get_source(upgrade);
    g_autoptr(GPtrArray) taps = noted(upgrade);

    upgrade_taps_let_go(upgrade);
    if (taps->len == 0 || source->pidfd < 0 || process_has_exited(source->pidfd))
        return true;
    return guest_taps_restore_in(taps, source->pidfd, error);
}

void
upgrade_taps_steer_again(Upgrade *upgrade)
{
    const GuestInstance *source = upgrade_get_source(upgrade);
    g_autoptr(GPtrArray) taps = noted(upgrade);

    for (guint i = 0; i < taps->len; i++) {
        const GuestTap *tap = g_ptr_array_index(taps, i);
        g_autoptr(GError) error = NULL;
        process_autofd fd = tap->is_steered ? guest_tap_fetch(tap, source->pidfd, &error) : -1;
        if (fd >= 0)
            guest_tap_steering_begin(fd, upgrade->environment->steering_program, &error);
        if (error)
            g_debug("%s", error->message);
    }
}

/* By any queue that the target has of it. */
static bool
spread(const GuestInstance *target, const GPtrArray *holdings, const GuestTap *tap, GError **error)
{
    g_autoptr(GPtrArray) queues = qemu_holdings_find_tap(holdings, tap->interface);
    process_autofd fd = -1;

    if (queues->len == 0)
        return true; /* the device was taken from it meanwhile */
    fd = guest_handover_fetch(target, g_ptr_array_index(queues, 0), error);
    return fd >= 0 && guest_tap_steering_end(fd, error);
}

bool
upgrade_taps_spread(Upgrade *upgrade, GError **error)
{
    const GuestInstance *target = upgrade_get_target(upgrade);
    g_autoptr(GPtrArray) taps = noted(upgrade), holdings = NULL;

    for (guint i = 0; i < taps->len; i++) {
        const GuestTap *tap = g_ptr_array_index(taps, i);
        if (!tap->is_steered)
            continue;
        if (!holdings)
            holdings = guest_handover_look(upgrade->environment, target, error);
        if (!holdings || !spread(target, holdings, tap, error))
            return false;
    }
    return true;
}
