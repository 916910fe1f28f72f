/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/viewer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "guest/dial.h"
#include "guest/error.h"
#include "guest/handover.h"
#include "process/fd.h"
#include "qemu/listeners.h"
#include "qmp/json.h"

/* For a viewer to end its half, too; then it is sent no reset. */
#define FAREWELL_MS 100

static bool
is_at(json_object *client, const QemuHolding *viewer)
{
    g_autofree char *port = g_strdup_printf("%u", (unsigned)viewer->port);

    return g_strcmp0(qmp_json_get_string(client, "host"), viewer->host) == 0 &&
           g_strcmp0(qmp_json_get_string(client, "service"), port) == 0;
}

/* An engine that ended before it could note it has done it. */
static bool
has_viewer(json_object *displays, const QemuHolding *viewer)
{
    json_object *clients = qmp_json_get_array(json_object_array_get_idx(displays, 0), "clients");

    for (size_t i = 0; clients && i < json_object_array_length(clients); i++)
        if (is_at(json_object_array_get_idx(clients, i), viewer))
            return true;
    return false;
}

static bool
look_for_viewer(const GuestInstance *instance, const QemuHolding *viewer, const QmpWait *wait, bool *ret_found, GError **error)
{
    json_object *displays = NULL;

    if (!qmp_client_call(instance->monitor, "query-vnc-servers", NULL, wait, &displays, error))
        return false;
    *ret_found = json_object_is_type(displays, json_type_array) && json_object_array_length(displays) > 0 &&
                 has_viewer(displays, viewer);
    json_object_put(displays);
    return true;
}

/* By what it is, for it may not be connected any more. */
static int
fetch(const GuestInstance *instance, guint64 inode, GError **error)
{
    g_autoptr(GPtrArray) holdings = guest_handover_look(NULL, instance, error);

    for (guint i = 0; holdings && i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->inode == inode && holding->family != AF_UNIX)
            return guest_handover_fetch(instance, holding, error);
    }
    if (holdings)
        guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "its socket is not there any more");
    return -1;
}

static socklen_t
fill_address(const QemuHolding *viewer, GuestAddress *address)
{
    *address = (GuestAddress){.any.sa_family = (sa_family_t)viewer->family};
    if (viewer->family == AF_INET) {
        address->inet.sin_port = htons(viewer->port);
        inet_pton(AF_INET, viewer->host, &address->inet.sin_addr);
        return sizeof(address->inet);
    }
    address->inet6.sin6_port = htons(viewer->port);
    inet_pton(AF_INET6, viewer->host, &address->inet6.sin6_addr);
    return sizeof(address->inet6);
}

static void
say_farewell(int fd)
{
    QmpWait wait = qmp_wait_from_now(FAREWELL_MS, -1);

    if (guest_dial_is_made(fd) && shutdown(fd, SHUT_WR) == 0)
        qmp_wait_poll(&wait, fd, POLLRDHUP);
}

static bool
connect_again(int fd, const QemuHolding *viewer, GError **error)
{
    GuestAddress address;
    socklen_t size = fill_address(viewer, &address);

    say_farewell(fd);
    if (guest_dial_end(fd) && guest_dial(fd, &address, size))
        return true;
    guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "%s port %u: %s", viewer->host, (unsigned)viewer->port,
                    g_strerror(errno));
    return false;
}

static bool
give(const GuestInstance *instance, const char *fd_name, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "protocol", "vnc");
    qmp_json_add_string(arguments, "fdname", fd_name);
    qmp_json_add_bool(arguments, "skipauth", false);
    return qmp_client_call(instance->monitor, "add_client", arguments, wait, NULL, error);
}

bool
guest_viewer_connect(const GuestInstance *instance, json_object *arguments, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) viewers = qemu_listeners_from_json(qmp_json_get_array(arguments, "addresses"));
    const char *fd_name = qmp_json_get_string(arguments, "fdname");
    gint64 inode = 0;
    bool is_there = false;

    if (!viewers || viewers->len != 1 || ((const QemuHolding *)viewers->pdata[0])->family == AF_UNIX || !fd_name ||
        !qmp_json_get_int64(arguments, "inode", &inode)) {
        guest_error_set(error, GUEST_ERROR_FAILED, "reopen", NULL, "it is not known where");
        return false;
    }
    const QemuHolding *viewer = g_ptr_array_index(viewers, 0);
    if (!look_for_viewer(instance, viewer, wait, &is_there, error) || is_there)
        return is_there;
    process_autofd fd = fetch(instance, (guint64)inode, error);
    return fd >= 0 && connect_again(fd, viewer, error) && give(instance, fd_name, wait, error);
}
