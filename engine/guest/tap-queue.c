/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The helper is given the queues that are there as descriptors, so nothing has to be named: the kernel tells the device and its
 * network namespace. It answers with one message that has all the new ones.
 */
#include "guest/tap-queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/error.h"
#include "process/fd.h"
#include "process/launcher-run.h"

#define TIMEOUT_MS 10000
/* In the helper. */
#define ANSWER_FD (STDERR_FILENO + 1)
#define FIRST_QUEUE_FD (ANSWER_FD + 1)
/* What belongs to one queue, or to the device and cannot be given with its name. */
#define FLAGS_OF_STATE (IFF_ATTACH_QUEUE | IFF_DETACH_QUEUE | IFF_PERSIST | IFF_TUN_EXCL)

#ifndef TUNGETDEVNETNS /* Linux 5.2 */
#define TUNGETDEVNETNS _IO('T', 227)
#endif

typedef union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * GUEST_TAP_QUEUES_MAX)];
} Control;

/* ---- The engine's side ---- */

/* What the helper has sent before it ended. */
static bool
receive(int socket_fd, int *ret_fds, unsigned n)
{
    Control control = {0};
    char byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = sizeof(byte)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    if (recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(byte))
        return false;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return false;
    const int *fds = (const int *)(const void *)CMSG_DATA(header);
    unsigned n_received = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    if (n_received == n) {
        memcpy(ret_fds, fds, n * sizeof(int));
        return true;
    }
    for (unsigned i = 0; i < n_received; i++)
        close(fds[i]);
    return false;
}

static bool
run_helper(Launcher *launcher, const int *fds, unsigned n, int answer_fd, GError **error)
{
    g_autofree char *option = g_strdup_printf("--" GUEST_TAP_QUEUE_OPTION "=%u", n);
    const char *argv[] = {"moultd", option, NULL};
    g_autofree LauncherFd *passed = g_new0(LauncherFd, n + 1);

    passed[0] = (LauncherFd){.fd = answer_fd, .number = ANSWER_FD};
    for (unsigned i = 0; i < n; i++)
        passed[i + 1] = (LauncherFd){.fd = fds[i], .number = FIRST_QUEUE_FD + (int)i};
    const LauncherRequest request = {
        .argv = argv, .fds = passed, .n_fds = n + 1, .stdin_fd = -1, .stdout_fd = -1, .log_fd = -1};
    return launcher_run_self(launcher, request, "the device could not be opened once more", TIMEOUT_MS, error);
}

bool
guest_tap_queues_open(Launcher *launcher, const int *fds, unsigned n, int *ret_fds, GError **error)
{
    int sockets[2];

    if (n > GUEST_TAP_QUEUES_MAX || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        guest_error_set(error, GUEST_ERROR_FAILED, "tap", NULL, "TAP devices: too many queues");
        return false;
    }
    bool opened = run_helper(launcher, fds, n, sockets[1], error);
    close(sockets[1]);
    if (!opened)
        guest_error_wrap(error, GUEST_ERROR_FAILED, "tap", NULL, "new queues of TAP devices");
    else if (!receive(sockets[0], ret_fds, n)) {
        guest_error_set(error, GUEST_ERROR_FAILED, "tap", NULL, "new queues of TAP devices: they were not sent");
        opened = false;
    }
    close(sockets[0]);
    return opened;
}

/* ---- In the helper ---- */

static bool
enter_network_of(int queue)
{
    process_autofd network = ioctl(queue, TUNGETDEVNETNS);

    return network >= 0 && setns(network, CLONE_NEWNET) == 0;
}

/* Its name may have gone to another one between two questions. */
static bool
is_same_device(int queue, int other)
{
    struct ifreq one = {0}, two = {0};

    return ioctl(queue, SIOCGIFHWADDR, &one) == 0 && ioctl(other, SIOCGIFHWADDR, &two) == 0 &&
           memcmp(&one.ifr_hwaddr, &two.ifr_hwaddr, sizeof(one.ifr_hwaddr)) == 0;
}

static int
open_beside(int queue)
{
    struct ifreq request = {0};

    if (ioctl(queue, TUNGETIFF, &request) < 0 || !(request.ifr_flags & IFF_MULTI_QUEUE) || !enter_network_of(queue))
        return -1;
    process_autofd fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    request.ifr_flags = (short)(request.ifr_flags & ~FLAGS_OF_STATE);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || !is_same_device(queue, fd))
        return -1;
    return process_fd_steal(&fd);
}

static bool
answer(const int *fds, unsigned n)
{
    Control control = {0};
    char byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = sizeof(byte)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * n);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * n);
    return sendmsg(ANSWER_FD, &message, MSG_NOSIGNAL) == sizeof(byte);
}

int
guest_tap_queues_run(int n)
{
    int fds[GUEST_TAP_QUEUES_MAX];

    if (n < 1 || n > GUEST_TAP_QUEUES_MAX)
        return EXIT_FAILURE;
    for (int i = 0; i < n; i++) {
        fds[i] = open_beside(FIRST_QUEUE_FD + i);
        if (fds[i] < 0)
            return EXIT_FAILURE;
    }
    return answer(fds, (unsigned)n) ? EXIT_SUCCESS : EXIT_FAILURE;
}
