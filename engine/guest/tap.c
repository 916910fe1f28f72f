/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/tap.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/error.h"
#include "guest/tap-offload.h"
#include "guest/tap-steering.h"
#include "process/fd.h"
#include "process/proc.h"
#include "qmp/json.h"

#define MAX_TAPS 1024
#define TUN_MAJOR 10
#define TUN_MINOR 200

GuestTapKind
guest_tap_get_kind(const struct stat *status)
{
    unsigned macvtap_major = 0;

    if (!S_ISCHR(status->st_mode))
        return GUEST_TAP_NONE;
    if (status->st_rdev == makedev(TUN_MAJOR, TUN_MINOR))
        return GUEST_TAP_TUN;
    return process_proc_get_char_major("macvtap", &macvtap_major) && major(status->st_rdev) == macvtap_major
               ? GUEST_TAP_MACVTAP
               : GUEST_TAP_NONE;
}

GPtrArray *
guest_taps_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)guest_tap_free);
}

void
guest_tap_free(GuestTap *tap)
{
    if (!tap)
        return;
    g_free(tap->interface);
    g_free(tap);
}

static bool
fail(const char *interface, const char *what, GError **error)
{
    guest_error_set(error, GUEST_ERROR_FAILED, "tap", NULL, "TAP device %s: %s: %s", interface, what,
                    g_strerror(errno));
    return false;
}

static bool
read_flags(int fd, struct ifreq *request)
{
    memset(request, 0, sizeof(*request));
    return ioctl(fd, TUNGETIFF, request) == 0;
}

/* FALSE: it did take part. */
static bool
put_in(int fd)
{
    struct ifreq request = {.ifr_flags = IFF_ATTACH_QUEUE};

    return ioctl(fd, TUNSETQUEUE, &request) == 0;
}

/* TUNGETIFF does not tell it of a macvtap (drivers/net/tap.c). */
static bool
find_out_attached(const GuestTap *tap, int fd)
{
    if (!put_in(fd))
        return true;
    guest_tap_set_attached(tap, fd, false);
    return false;
}

GuestTap *
guest_tap_read(int fd, int source_number, GError **error)
{
    g_autoptr(GuestTap) tap = g_new0(GuestTap, 1);
    struct ifreq request;
    struct stat status;

    tap->source_number = source_number;
    if (!read_flags(fd, &request)) {
        fail("", "not to be read", error);
        return NULL;
    }
    tap->interface = g_strndup(request.ifr_name, IFNAMSIZ);
    tap->is_macvtap = fstat(fd, &status) == 0 && guest_tap_get_kind(&status) == GUEST_TAP_MACVTAP;
    tap->has_queues = tap->is_macvtap || request.ifr_flags & IFF_MULTI_QUEUE;
    tap->is_attached = tap->is_macvtap ? find_out_attached(tap, fd) : !(request.ifr_flags & IFF_DETACH_QUEUE);
    if (request.ifr_flags & IFF_VNET_HDR && ioctl(fd, TUNGETVNETHDRSZ, &tap->header_bytes) < 0) {
        fail(tap->interface, "header size", error);
        return NULL;
    }
    tap->knows_offload = !tap->is_macvtap && guest_tap_offload_read(fd, tap->interface, &tap->offload);
    return g_steal_pointer(&tap);
}

bool
guest_tap_get_send_bytes(int fd, int *ret_bytes)
{
    int bytes = 0;

    if (ioctl(fd, TUNGETSNDBUF, &bytes) < 0)
        return false;
    *ret_bytes = bytes;
    return true;
}

bool
guest_tap_header_differs(const GuestTap *tap, int fd)
{
    int bytes = 0;

    return tap->header_bytes != 0 && (ioctl(fd, TUNGETVNETHDRSZ, &bytes) < 0 || bytes != tap->header_bytes);
}

bool
guest_tap_attachment_differs(const GuestTap *tap, int fd)
{
    struct ifreq request;

    return tap->has_queues && !tap->is_macvtap && read_flags(fd, &request) &&
           !(request.ifr_flags & IFF_DETACH_QUEUE) != tap->is_attached;
}

bool
guest_tap_set_attached(const GuestTap *tap, int fd, bool is_attached)
{
    struct ifreq request = {.ifr_flags = is_attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

    /* EINVAL: it is so already. */
    return !tap->has_queues || ioctl(fd, TUNSETQUEUE, &request) == 0 || errno == EINVAL;
}

bool
guest_tap_restore(const GuestTap *tap, int fd, bool *ret_attached, GError **error)
{
    bool was_detached = false;

    /* First what garbles packets. */
    if (guest_tap_header_differs(tap, fd) && ioctl(fd, TUNSETVNETHDRSZ, &tap->header_bytes) < 0)
        return fail(tap->interface, "header size", error);
    was_detached = tap->is_macvtap ? tap->is_attached && put_in(fd) : guest_tap_attachment_differs(tap, fd);
    if (was_detached && !guest_tap_set_attached(tap, fd, tap->is_attached))
        return fail(tap->interface, "queue", error);
    if (was_detached && ret_attached)
        *ret_attached = true;
    if (tap->knows_offload && ioctl(fd, TUNSETOFFLOAD, (unsigned long)tap->offload) < 0)
        return fail(tap->interface, "offloads", error);
    return true;
}

int
guest_tap_fetch(const GuestTap *tap, int pidfd, GError **error)
{
    process_autofd fd = process_proc_fetch_fd(pidfd, tap->source_number, error);
    struct ifreq request;

    if (fd < 0)
        return -1;
    if (read_flags(fd, &request) && strncmp(request.ifr_name, tap->interface, IFNAMSIZ) == 0)
        return process_fd_steal(&fd);
    guest_error_set(error, GUEST_ERROR_FAILED, "tap", NULL, "descriptor %d of the running QEMU is not TAP device %s",
                    tap->source_number, tap->interface);
    return -1;
}

static bool
restore_one_in(const GuestTap *tap, int pidfd, GError **error)
{
    process_autofd fd = guest_tap_fetch(tap, pidfd, error);

    return fd >= 0 && guest_tap_restore(tap, fd, NULL, error) && (!tap->is_steered || guest_tap_steering_end(fd, error));
}

bool
guest_taps_restore_in(const GPtrArray *taps, int pidfd, GError **error)
{
    GError *first = NULL;

    for (guint i = 0; i < taps->len; i++) {
        g_autoptr(GError) local = NULL;
        if (!restore_one_in(g_ptr_array_index(taps, i), pidfd, &local) && !first)
            first = g_steal_pointer(&local);
    }
    if (first)
        g_propagate_error(error, first);
    return !first;
}

json_object *
guest_taps_to_json(const GPtrArray *taps)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < taps->len; i++) {
        const GuestTap *tap = g_ptr_array_index(taps, i);
        json_object *object = json_object_new_object();
        qmp_json_add_int64(object, "number", tap->source_number);
        qmp_json_add_string(object, "interface", tap->interface);
        qmp_json_add_int64(object, "header_bytes", tap->header_bytes);
        qmp_json_add_bool(object, "queues", tap->has_queues);
        qmp_json_add_bool(object, "steered", tap->is_steered);
        qmp_json_add_bool(object, "attached", tap->is_attached);
        qmp_json_add_bool(object, "macvtap", tap->is_macvtap);
        if (tap->knows_offload)
            qmp_json_add_int64(object, "offload", tap->offload);
        json_object_array_add(array, object);
    }
    return array;
}

static GuestTap *
tap_from_json(json_object *object)
{
    const char *interface = qmp_json_get_string(object, "interface");
    gint64 number = 0, header_bytes = 0, offload = 0;
    bool is_attached = true, has_queues = false, is_steered = false, is_macvtap = false;
    GuestTap *tap;

    if (!interface || !qmp_json_get_int64(object, "number", &number) || number < 0 || number > G_MAXINT ||
        !qmp_json_get_int64(object, "header_bytes", &header_bytes) || header_bytes < 0 || header_bytes > 64 ||
        !qmp_json_get_bool(object, "attached", &is_attached) ||
        !qmp_json_get_bool(object, "queues", &has_queues))
        return NULL;
    qmp_json_get_bool(object, "steered", &is_steered); /* the record may be an older engine's */
    qmp_json_get_bool(object, "macvtap", &is_macvtap);
    tap = g_new0(GuestTap, 1);
    *tap = (GuestTap){.source_number = (int)number,
                      .interface = g_strdup(interface),
                      .header_bytes = (int)header_bytes,
                      .has_queues = has_queues,
                      .is_steered = is_steered,
                      .is_attached = is_attached,
                      .is_macvtap = is_macvtap,
                      .knows_offload = qmp_json_get_int64(object, "offload", &offload)};
    tap->offload = (unsigned)offload;
    return tap;
}

GPtrArray *
guest_taps_from_json(json_object *array)
{
    GPtrArray *taps = guest_taps_new();
    size_t length = array ? json_object_array_length(array) : 0;

    for (size_t i = 0; i < MIN(length, MAX_TAPS); i++) {
        GuestTap *tap = tap_from_json(json_object_array_get_idx(array, i));
        if (tap)
            g_ptr_array_add(taps, tap);
    }
    return taps;
}
