/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/monitor.h"

#include "guest/error.h"
#include "guest/peer.h"

bool
guest_monitor_is_borrowed(const GuestInstance *instance)
{
    return instance->monitor_path != NULL;
}

const char *
guest_monitor_get_path(const GuestInstance *instance, const PathsInstance *paths)
{
    return instance->monitor_path ? instance->monitor_path : paths->monitor_socket;
}

QmpClient *
guest_monitor_connect_to(const GuestInstance *instance, const char *path, GError **error)
{
    g_autoptr(QmpClient) client = qmp_client_connect(path, instance->definition->name, error);

    if (!client)
        return NULL;
    if (guest_peer_is(instance, qmp_client_get_fd(client)))
        return g_steal_pointer(&client);
    guest_error_set(error, GUEST_ERROR_REFUSED, "monitor-foreign", "name the monitor of this QEMU with --qmp",
                    "it is not process %d that listens at %s", instance->process.pid, path);
    return NULL;
}

QmpClient *
guest_monitor_connect(const GuestInstance *instance, const PathsInstance *paths, GError **error)
{
    if (guest_monitor_is_borrowed(instance))
        return guest_monitor_connect_to(instance, instance->monitor_path, error);
    /* The engine itself listened on our own; the folder is the engine's. */
    return qmp_client_connect(paths->monitor_socket, instance->definition->name, error);
}

void
guest_monitor_give_back(GuestInstance *instance)
{
    if (guest_monitor_is_borrowed(instance))
        g_clear_pointer(&instance->monitor, qmp_client_free);
}
