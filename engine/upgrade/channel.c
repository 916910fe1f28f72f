/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * By descriptor: none of ours stays open, so that either QEMU sees the other end. A QEMU's `fd:` takes what it was given out of
 * its monitor's list (migration/fd.c, monitor_fd_param), so that what is left in there is what was never used.
 */
#include "upgrade/channel.h"

#include <errno.h>
#include <sys/socket.h>

#include "guest/error.h"
#include "guest/hold.h"
#include "guest/root.h"
#include "process/fd.h"
#include "qmp/commands.h"
#include "upgrade/timeouts.h"

#define FD_NAME "moult-state"

/* The one switch. Both have the same definition. */
static bool
is_by_descriptor(const Upgrade *upgrade)
{
    g_autofree char *folder = guest_root_dup_chroot(upgrade_get_source(upgrade));

    return folder != NULL;
}

/* Owned. */
static char *
dup_uri(const Upgrade *upgrade)
{
    return is_by_descriptor(upgrade) ? g_strdup("fd:" FD_NAME)
                                     : g_strconcat("unix:", upgrade_get_target_paths(upgrade)->migrate_socket, NULL);
}

static bool
give_ends(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        guest_error_set(error, GUEST_ERROR_FAILED, "migrate-incoming", NULL, "no pair of sockets: %s", g_strerror(errno));
        return false;
    }
    process_autofd of_source = ends[0], of_target = ends[1];
    return qmp_getfd(upgrade_get_target(upgrade)->monitor, FD_NAME, of_target, wait, error) &&
           qmp_getfd(upgrade_get_source(upgrade)->monitor, FD_NAME, of_source, wait, error);
}

bool
upgrade_channel_open(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    g_autofree char *uri = dup_uri(upgrade);

    return (!is_by_descriptor(upgrade) || give_ends(upgrade, wait, error)) &&
           qmp_migrate_incoming(upgrade_get_target(upgrade)->monitor, uri, wait, error);
}

void
upgrade_channel_close(Upgrade *upgrade)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_GLANCE_MS, -1);
    g_autoptr(GError) error = NULL;

    if (!is_by_descriptor(upgrade) || !source->monitor || guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return;
    /* Mostly it is there no more. One that stays, for the source does not answer, is replaced by the next of its name. */
    if (!qmp_closefd(source->monitor, FD_NAME, &limit, &error))
        g_debug("%s", error->message);
}

bool
upgrade_channel_send(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    g_autofree char *uri = dup_uri(upgrade);

    return qmp_migrate(upgrade_get_source(upgrade)->monitor, uri, wait, error);
}
