/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/listening.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/dial.h"
#include "guest/error.h"
#include "guest/handover.h"
#include "guest/listening-path.h"
#include "qemu/listeners.h"

#define BACKLOG 128

static bool
listens(int fd)
{
    int value = 0;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value == 1;
}

/* It is inherited by whatever is accepted: switched off before it listens. */
static void
set_abortive(int fd, bool is_on)
{
    struct linger linger = {.l_onoff = is_on};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* connect(2) takes a wildcard for the address of the loopback, and not every host has one of IPv6. */
static bool
connect_through_ipv4(int fd, const GuestAddress *own)
{
    GuestAddress mapped = *own;

    if (own->any.sa_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&own->inet6.sin6_addr))
        return false;
    mapped.inet6.sin6_addr = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    return guest_dial(fd, &mapped, sizeof(mapped.inet6));
}

/*
 * FD, which does not listen, is connected to itself. Abortive, for a QEMU that ends like this would leave the
 * connection behind for a minute (TIME_WAIT), and nobody else could be connected so.
 */
static bool
rest(int fd)
{
    GuestAddress own = {0};
    socklen_t size = sizeof(own);

    if (guest_dial_is_made(fd))
        return true;
    set_abortive(fd, true);
    return getsockname(fd, &own.any, &size) == 0 && (guest_dial(fd, &own, size) || connect_through_ipv4(fd, &own));
}

static bool
start_listening(int fd)
{
    if (listens(fd))
        return true;
    if (!guest_dial_end(fd))
        return false;
    set_abortive(fd, false);
    return listen(fd, BACKLOG) == 0;
}

/* The first error stays. */
static void
complain(GError **error, const char *what, const QemuHolding *address, int error_number)
{
    if (*error)
        return;
    guest_error_set(error, GUEST_ERROR_FAILED, "listening", "free it, then restart moultd, which tries again",
                    "%s at %s port %u: %s", what, address->host, (unsigned)address->port, g_strerror(error_number));
}

/* -1: nobody's. FROM stops before TO begins, and TO is at rest no more when FROM is to be: only one can be, at one address. */
static void
pass_one(int from, int to, const QemuHolding *address, GError **error)
{
    if (from >= 0 && listens(from) && shutdown(from, SHUT_RD) < 0) {
        complain(error, "the socket does not stop", address, errno);
        return;
    }
    if (to >= 0 && !start_listening(to)) {
        complain(error, "nobody can listen", address, errno);
        rest(to);
    }
    if (from >= 0 && !rest(from))
        complain(error, "the socket cannot rest", address, errno);
}

static int
fetch_at(const GuestInstance *instance, const GPtrArray *holdings, const QemuHolding *address, GError **error)
{
    for (guint i = 0; i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (qemu_listener_is_at(holding, address))
            return guest_handover_fetch(instance, holding, error);
    }
    guest_error_set(error, GUEST_ERROR_FAILED, "listening", NULL, "QEMU (pid %d) has no socket at %s port %u",
                    instance->process.pid, address->host, (unsigned)address->port);
    return -1;
}

static void
close_all(GArray *fds)
{
    for (guint i = 0; i < fds->len; i++)
        if (g_array_index(fds, int, i) >= 0)
            close(g_array_index(fds, int, i));
    g_array_unref(fds);
}

/* One for each of ADDRESSES; -1 for a path, and where INSTANCE (NULL: nobody) has none. The first error stays. */
static GArray *
fetch_all(const GuestInstance *instance, const GPtrArray *addresses, GError **error)
{
    g_autoptr(GPtrArray) holdings = instance ? guest_handover_look(NULL, instance, *error ? NULL : error) : NULL;
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));

    for (guint i = 0; i < addresses->len; i++) {
        const QemuHolding *address = g_ptr_array_index(addresses, i);
        bool is_fetched = holdings && !address->path;
        int fd = is_fetched ? fetch_at(instance, holdings, address, *error ? NULL : error) : -1;
        g_array_append_val(fds, fd);
    }
    return fds;
}

bool
guest_listening_pass(const GPtrArray *addresses, const GuestInstance *from, const GuestInstance *to, GError **error)
{
    GError *first = NULL;

    if (addresses->len == 0)
        return true;
    GArray *givers = fetch_all(from, addresses, &first), *takers = fetch_all(to, addresses, &first);
    bool is_whole = !first;
    for (guint i = 0; i < addresses->len && (is_whole || !from); i++) {
        const QemuHolding *address = g_ptr_array_index(addresses, i);
        if (address->path)
            guest_listening_pass_path(address->path, from, to, first ? NULL : &first);
        else
            pass_one(g_array_index(givers, int, i), g_array_index(takers, int, i), address, &first);
    }
    close_all(takers);
    close_all(givers);
    if (first)
        g_propagate_error(error, first);
    return !first;
}

void
guest_listening_forget(const GPtrArray *addresses, guint64 domain_id)
{
    for (guint i = 0; i < addresses->len; i++) {
        const QemuHolding *address = g_ptr_array_index(addresses, i);
        if (address->path)
            guest_listening_forget_path(address->path, domain_id);
    }
}
