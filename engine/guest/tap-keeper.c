/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/tap-keeper.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_NS 100000
#define DETACH_ATTEMPTS 10

/* As the kernel has it (sched_setattr(2)); older C libraries have no name for it. */
struct attributes {
    guint32 size, policy;
    guint64 flags;
    gint32 nice;
    guint32 priority;
    guint64 runtime, deadline, period;
};

struct GuestTapKeeper {
    GPtrArray *taps;
    GArray *fds;
    GArray *changed; /* bool: the target has attached, or detached, this queue */
    int end_fd;      /* readable: it is to end */
    unsigned n_restored;
    GThread *thread;
};

/* Asked once, and by whoever puts it back: between two questions the target goes on. */
static void
put_back(GuestTapKeeper *keeper, guint index)
{
    guest_tap_restore(g_ptr_array_index(keeper->taps, index), g_array_index(keeper->fds, int, index),
                      &g_array_index(keeper->changed, bool, index), NULL);
}

static void
look(GuestTapKeeper *keeper)
{
    for (guint i = 0; i < keeper->taps->len; i++) {
        const GuestTap *tap = g_ptr_array_index(keeper->taps, i);
        int fd = g_array_index(keeper->fds, int, i);
        bool differs = guest_tap_attachment_differs(tap, fd) || guest_tap_header_differs(tap, fd);
        if (differs || tap->is_macvtap) /* where it cannot be asked */
            put_back(keeper, i);
        keeper->n_restored += differs;
    }
}

/* Before everybody else, on a busy host too: it runs for microseconds, and each millisecond garbles packets.
 */
static void
hurry(void)
{
    struct attributes attributes = {.size = sizeof(attributes), .policy = SCHED_FIFO, .priority = 1};

    if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0)
        g_debug("TAP devices: no real-time priority: %s", g_strerror(errno));
}

static gpointer
keep(gpointer data)
{
    GuestTapKeeper *keeper = data;
    const struct timespec interval = {.tv_nsec = INTERVAL_NS};
    struct pollfd end = {.fd = keeper->end_fd, .events = POLLIN};

    hurry();
    for (;;) {
        int ready = ppoll(&end, 1, &interval, NULL);
        if (ready > 0)
            return NULL;
        look(keeper);
    }
}

GuestTapKeeper *
guest_tap_keeper_start(GPtrArray *taps, GArray *fds)
{
    GuestTapKeeper *keeper = g_new0(GuestTapKeeper, 1);

    g_return_val_if_fail(taps->len == fds->len, NULL);
    keeper->taps = taps;
    keeper->fds = fds;
    keeper->changed = g_array_sized_new(FALSE, TRUE, sizeof(bool), fds->len);
    g_array_set_size(keeper->changed, fds->len);
    keeper->end_fd = eventfd(0, EFD_CLOEXEC);
    if (keeper->end_fd >= 0)
        keeper->thread = g_thread_try_new("tap-keeper", keep, keeper, NULL);
    return keeper;
}

/*
 * What is in a queue when it is detached is lost (drivers/net/tun.c:tun_queue_purge()); what comes later goes to another. So
 * the QEMU that reads it gets a moment to read it empty. The kernel has no event for that.
 */
static void
detach_when_empty(const GuestTap *tap, int fd)
{
    const struct timespec interval = {.tv_nsec = INTERVAL_NS};

    for (unsigned i = 0; i < DETACH_ATTEMPTS; i++) {
        struct pollfd queue = {.fd = fd, .events = POLLIN};
        if (poll(&queue, 1, 0) <= 0 || !(queue.revents & POLLIN))
            break;
        ppoll(NULL, 0, &interval, NULL);
    }
    guest_tap_set_attached(tap, fd, false);
}

static void
finish(GuestTapKeeper *keeper, GuestTapParty party)
{
    for (guint i = 0; i < keeper->taps->len; i++) {
        const GuestTap *tap = g_ptr_array_index(keeper->taps, i);
        int fd = g_array_index(keeper->fds, int, i);
        put_back(keeper, i);
        if (party == GUEST_TAP_TO_TARGET && g_array_index(keeper->changed, bool, i) && tap->is_attached)
            detach_when_empty(tap, fd);
        close(fd);
    }
}

unsigned
guest_tap_keeper_stop(GuestTapKeeper *keeper, GuestTapParty party)
{
    unsigned n_restored;

    if (!keeper)
        return 0;
    if (keeper->thread && eventfd_write(keeper->end_fd, 1) == 0)
        g_thread_join(keeper->thread);
    finish(keeper, party);
    if (keeper->end_fd >= 0)
        close(keeper->end_fd);
    n_restored = keeper->n_restored;
    g_array_unref(keeper->fds);
    g_array_unref(keeper->changed);
    g_ptr_array_unref(keeper->taps);
    g_free(keeper);
    return n_restored;
}
