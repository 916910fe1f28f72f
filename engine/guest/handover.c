/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/handover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/error.h"
#include "guest/log.h"
#include "guest/pty.h"
#include "guest/tap.h"
#include "paths/instance.h"
#include "process/proc.h"

#define MAX_DESCRIPTORS 65536
#define MISC_MAJOR 10
#define VHOST_NET_MINOR 238 /* include/linux/miscdevice.h */

typedef union {
    struct sockaddr any;
    struct sockaddr_un unix_;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
    struct sockaddr_storage storage;
} Address;

static int
get_socket_option(int fd, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

static void
read_unix_address(const Address *address, socklen_t size, QemuHolding *holding)
{
    gsize length = size > offsetof(struct sockaddr_un, sun_path) ? size - offsetof(struct sockaddr_un, sun_path) : 0;
    const char *path = address->unix_.sun_path;

    holding->is_abstract = length > 0 && *path == '\0';
    holding->path = holding->is_abstract ? g_strndup(path + 1, length - 1) : g_strndup(path, length);
}

static bool
read_address(const Address *address, socklen_t size, QemuHolding *holding)
{
    char text[INET6_ADDRSTRLEN] = "";

    holding->family = address->any.sa_family;
    if (holding->family == AF_UNIX) {
        read_unix_address(address, size, holding);
        return true;
    }
    if (holding->family == AF_INET) {
        inet_ntop(AF_INET, &address->inet.sin_addr, text, sizeof(text));
        holding->port = ntohs(address->inet.sin_port);
    } else if (holding->family == AF_INET6) {
        inet_ntop(AF_INET6, &address->inet6.sin6_addr, text, sizeof(text));
        holding->port = ntohs(address->inet6.sin6_port);
    } else {
        return false;
    }
    holding->host = g_strdup(text);
    return true;
}

static bool
is_inet(const Address *address)
{
    return (address->any.sa_family == AF_INET && address->inet.sin_port != 0) ||
           (address->any.sa_family == AF_INET6 && address->inet6.sin6_port != 0);
}

/* Of two addresses of one socket. */
static bool
is_equal(const Address *one, const Address *other)
{
    if (one->any.sa_family == AF_INET)
        return one->inet.sin_port == other->inet.sin_port && one->inet.sin_addr.s_addr == other->inet.sin_addr.s_addr;
    return one->inet6.sin6_port == other->inet6.sin6_port &&
           memcmp(&one->inet6.sin6_addr, &other->inet6.sin6_addr, sizeof(one->inet6.sin6_addr)) == 0;
}

/* What FD is, and the address that it goes by: its own, or its peer's. */
static QemuHoldingKind
look_at_socket(int fd, Address *ret_address, socklen_t *ret_size)
{
    Address own = {0}, peer = {0};
    socklen_t own_size = sizeof(own), peer_size = sizeof(peer);
    bool has_peer = getpeername(fd, &peer.any, &peer_size) == 0;
    QemuHoldingKind kind = QEMU_HOLDING_OTHER;

    if (getsockname(fd, &own.any, &own_size) < 0)
        return kind;
    if (get_socket_option(fd, SO_ACCEPTCONN) == 1)
        kind = QEMU_HOLDING_LISTENER;
    else if (is_inet(&own) && (!has_peer || is_equal(&own, &peer)))
        kind = QEMU_HOLDING_RESTING;
    else if (has_peer)
        kind = QEMU_HOLDING_CONNECTION;
    *ret_address = kind == QEMU_HOLDING_CONNECTION ? peer : own;
    *ret_size = kind == QEMU_HOLDING_CONNECTION ? peer_size : own_size;
    return kind;
}

static void
classify_socket(int fd, QemuHolding *holding)
{
    Address address = {0};
    socklen_t size = 0;

    if (get_socket_option(fd, SO_TYPE) != SOCK_STREAM)
        return;
    QemuHoldingKind kind = look_at_socket(fd, &address, &size);
    if (kind != QEMU_HOLDING_OTHER && read_address(&address, MIN(size, (socklen_t)sizeof(address)), holding))
        holding->kind = kind;
}

static void
classify_tap(int fd, GuestTapKind kind, QemuHolding *holding)
{
    struct ifreq request = {0};

    if (ioctl(fd, TUNGETIFF, &request) < 0 || !(request.ifr_flags & IFF_TAP))
        return;
    holding->kind = QEMU_HOLDING_TAP;
    holding->is_macvtap = kind == GUEST_TAP_MACVTAP;
    holding->interface = g_strndup(request.ifr_name, IFNAMSIZ);
    holding->is_detached = request.ifr_flags & IFF_DETACH_QUEUE;
}

static bool
is_vhost_net(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(MISC_MAJOR, VHOST_NET_MINOR);
}

/* FD is a duplicate. Fills in what HOLDING does not say yet. */
static void
classify(int fd, const struct stat *status, QemuHolding *holding)
{
    GuestTapKind kind = guest_tap_get_kind(status);

    holding->kind = is_vhost_net(status) ? QEMU_HOLDING_VHOST_NET : QEMU_HOLDING_OTHER;
    holding->device = status->st_dev;
    holding->inode = status->st_ino;
    if (S_ISSOCK(status->st_mode))
        classify_socket(fd, holding);
    else if (kind != GUEST_TAP_NONE)
        classify_tap(fd, kind, holding);
    else if (guest_pty_is_master(status) && guest_pty_look(fd, &holding->terminal))
        holding->kind = QEMU_HOLDING_TERMINAL;
}

/* Only what is asked is duplicated: a close(2) means something to files of some file systems. */
static bool
look_at(const GuestInstance *source, const struct stat *status, QemuHolding *holding, GError **error)
{
    g_autoptr(GError) local = NULL;
    int fd = -1;

    holding->kind = is_vhost_net(status) ? QEMU_HOLDING_VHOST_NET : QEMU_HOLDING_OTHER;
    holding->device = status->st_dev;
    holding->inode = status->st_ino;
    if (!S_ISSOCK(status->st_mode) && guest_tap_get_kind(status) == GUEST_TAP_NONE && !guest_pty_is_master(status))
        return true;
    fd = process_proc_fetch_fd(source->pidfd, holding->number, &local);
    if (fd < 0 && g_error_matches(local, PROCESS_ERROR, PROCESS_ERROR_GONE))
        return true; /* closed meanwhile */
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    classify(fd, status, holding);
    close(fd);
    return true;
}

/* Standard input and output that lead to somebody: not to /dev/null, and not into the log of the instance. */
static bool
leads_out(const struct stat *status, const struct stat *log)
{
    bool is_log = log->st_ino != 0 && status->st_dev == log->st_dev && status->st_ino == log->st_ino;

    return !is_log && !(S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3));
}

static struct stat
stat_log(const GuestEnvironment *environment, const GuestInstance *source)
{
    g_autoptr(PathsInstance) paths = paths_instance_new(environment->dirs, source->domain_id);
    struct stat status = {0};

    if (lstat(paths->log, &status) < 0)
        return (struct stat){0};
    return status;
}

/* PATH is the descriptor's in /proc, a link whose mode says what it was opened for; STATUS is the file's. */
static bool
is_debug_log(const char *path, const struct stat *status, const GuestLogFile *debug_log)
{
    struct stat link;

    return guest_log_is(debug_log, status) && lstat(path, &link) == 0 && (link.st_mode & S_IWUSR);
}

static bool
look_at_all(GDir *dir, const char *dir_path, const GuestInstance *source, const struct stat *log, GPtrArray *holdings,
            GError **error)
{
    GuestLogFile debug_log;
    const char *name;

    guest_log_find(source, &debug_log);

    while ((name = g_dir_read_name(dir)) && holdings->len < MAX_DESCRIPTORS) {
        g_autofree char *path = g_build_filename(dir_path, name, NULL);
        g_autoptr(QemuHolding) holding = g_new0(QemuHolding, 1);
        struct stat status;
        guint64 number = 0;
        if (!g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT, &number, NULL) || stat(path, &status) < 0)
            continue;
        holding->number = (int)number;
        if (!look_at(source, &status, holding, error))
            return false;
        if (number <= STDOUT_FILENO && leads_out(&status, log))
            holding->kind = QEMU_HOLDING_STANDARD;
        else if (is_debug_log(path, &status, &debug_log))
            holding->kind = QEMU_HOLDING_LOG;
        g_ptr_array_add(holdings, g_steal_pointer(&holding));
    }
    return true;
}

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
    const QemuHolding *const *left = a, *const *right = b;

    return (*left)->number - (*right)->number;
}

GPtrArray *
guest_handover_look(const GuestEnvironment *environment, const GuestInstance *source, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", source->process.pid);
    g_autoptr(GPtrArray) holdings = qemu_holdings_new();
    struct stat log = environment ? stat_log(environment, source) : (struct stat){0};
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);

    if (!dir) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "descriptors", "run the engine as root, or as the guest's user",
                         "the running QEMU's descriptors");
        return NULL;
    }
    if (!look_at_all(dir, path, source, &log, holdings, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "descriptors", NULL, "the running QEMU's descriptors");
        return NULL;
    }
    if (process_has_exited(source->pidfd)) {
        guest_error_set(error, GUEST_ERROR_FAILED, "descriptors", NULL, "the running QEMU has ended");
        return NULL;
    }
    g_ptr_array_sort(holdings, compare_numbers);
    return g_steal_pointer(&holdings);
}

static bool
is_same(int fd, const QemuHolding *expected)
{
    g_autoptr(QemuHolding) found = g_new0(QemuHolding, 1);
    struct stat status;

    if (fstat(fd, &status) < 0)
        return false;
    classify(fd, &status, found);
    if (found->device != expected->device || found->inode != expected->inode)
        return false;
    return expected->kind == QEMU_HOLDING_STANDARD || expected->kind == QEMU_HOLDING_LOG ||
           (found->kind == expected->kind && g_strcmp0(found->interface, expected->interface) == 0 &&
            found->terminal.number == expected->terminal.number && found->terminal.file_system == expected->terminal.file_system);
}

static bool
can_listen(const QemuHolding *holding)
{
    return holding->kind == QEMU_HOLDING_LISTENER || holding->kind == QEMU_HOLDING_RESTING;
}

static bool
make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_NONBLOCK || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

int
guest_handover_fetch(const GuestInstance *source, const QemuHolding *holding, GError **error)
{
    int fd = process_proc_fetch_fd(source->pidfd, holding->number, error);

    if (fd < 0) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "descriptors", NULL, "the running QEMU's descriptors");
        return -1;
    }
    if (!is_same(fd, holding)) {
        guest_error_set(error, GUEST_ERROR_FAILED, "descriptors", "try again",
                        "descriptor %d of the running QEMU is not what it was a moment ago", holding->number);
    } else if (can_listen(holding) && !make_nonblocking(fd)) {
        guest_error_set(error, GUEST_ERROR_FAILED, "descriptors", NULL, "listening socket %d: %s", holding->number,
                        g_strerror(errno));
    } else {
        return fd;
    }
    close(fd);
    return -1;
}
