/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher process: receives a request, creates the child, answers, forgets both. It never waits for
 * anything but the next request, allocates nothing and uses neither GLib nor stdio, for it is a fork of the
 * engine and its children are forks of it.
 *
 * CLONE_PARENT makes the child a child of the engine, with the same exit signal as the launcher has (the
 * kernel refuses another one). It is refused to the init process of a pid namespace; the launcher never is
 * one.
 */
#include "process/launcher-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    int fds[LAUNCHER_WIRE_MAX_FDS];
    unsigned n_fds;
    bool complete; /* FALSE: cut short, or not a request at all */
} Received;

static struct rlimit original_nofile;

static void
close_received(Received *received)
{
    for (unsigned i = 0; i < received->n_fds; i++)
        close(received->fds[i]);
    received->n_fds = 0;
}

static void
take_descriptors(struct msghdr *message, Received *received)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        size_t n_bytes;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        n_bytes = header->cmsg_len - CMSG_LEN(0);
        if (n_bytes > sizeof(received->fds))
            n_bytes = sizeof(received->fds);
        memcpy(received->fds, CMSG_DATA(header), n_bytes);
        received->n_fds = (unsigned)(n_bytes / sizeof(int));
    }
}

/* FALSE at end of file: the engine is gone. */
static bool
receive(int socket_fd, Received *received)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * LAUNCHER_WIRE_MAX_FDS)];
    } control;
    LauncherWireRequest request = {0};
    struct iovec part = {.iov_base = &request, .iov_len = sizeof(request)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t size;

    received->n_fds = 0;
    do
        size = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size <= 0)
        return false;
    take_descriptors(&message, received);
    received->complete = size == sizeof(request) && request.magic == LAUNCHER_WIRE_MAGIC &&
                         !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
                         received->n_fds >= LAUNCHER_WIRE_FD_CHILD;
    return true;
}

static void
report_failure(int reply_fd, LauncherStep step, int errnum)
{
    LauncherReport report = {.kind = LAUNCHER_REPORT_FAILED, .step = step, .errnum = errnum};

    send(reply_fd, &report, sizeof(report), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
report_started(int reply_fd, pid_t pid, int pidfd)
{
    LauncherReport report = {.kind = LAUNCHER_REPORT_STARTED, .pid = pid};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &report, .iov_len = sizeof(report)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &pidfd, sizeof(int));
    /* If this fails the engine's thread has given up and closed its end: the child reads that as "do not
     * exec". */
    sendmsg(reply_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * Raw calls: glibc's fork would run handlers that belong to the engine. The stack is the copy of ours, as
 * with fork. Sandboxes that filter by flags answer clone3 with ENOSYS, since its flags are behind a pointer.
 */
static pid_t
clone_sibling(int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args arguments = {.flags = CLONE_PARENT | CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd};
    long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));

    if (pid < 0 && errno == ENOSYS)
        pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

static void
create_child(const Received *received, LauncherChildStart *start)
{
    int reply_fd = received->fds[LAUNCHER_WIRE_FD_REPLY];
    int pidfd = -1, pid_namespace = LAUNCHER_NAMESPACES_SAME, errnum;
    pid_t pid, beside = start->order->payload->namespaces_of;

    if (beside > 0)
        pid_namespace = launcher_namespaces_join_pid(beside);
    if (pid_namespace == -1) {
        report_failure(reply_fd, LAUNCHER_STEP_NAMESPACES, errno);
        return;
    }
    pid = clone_sibling(&pidfd);
    if (pid == 0)
        launcher_child_run(start);
    errnum = errno;
    launcher_namespaces_leave_pid(pid_namespace);
    if (pid < 0) {
        report_failure(reply_fd, LAUNCHER_STEP_CLONE, errnum);
        return;
    }
    report_started(reply_fd, pid, pidfd);
    close(pidfd);
}

static void
execute(const Received *received, const LauncherOrder *order)
{
    LauncherChildStart start = {.order = order,
                                .fds = received->fds,
                                .n_fds = received->n_fds,
                                .nofile = &original_nofile,
                                .namespaces_fd = -1};
    pid_t beside = order->payload->namespaces_of;

    if (beside > 0) {
        start.namespaces_fd = launcher_namespaces_open(beside, &start.namespaces_flags);
        if (start.namespaces_fd < 0) {
            report_failure(received->fds[LAUNCHER_WIRE_FD_REPLY], LAUNCHER_STEP_NAMESPACES, errno);
            return;
        }
    }
    if (start.namespaces_fd >= 0 &&
        start.namespaces_flags == 0) { /* the same ones: setns would not take that */
        close(start.namespaces_fd);
        start.namespaces_fd = -1;
    }
    create_child(received, &start);
    if (start.namespaces_fd >= 0)
        close(start.namespaces_fd);
}

static void
serve(const Received *received)
{
    int payload_fd = received->fds[LAUNCHER_WIRE_FD_PAYLOAD], seals = fcntl(payload_fd, F_GET_SEALS);
    int reply_fd = received->fds[LAUNCHER_WIRE_FD_REPLY];
    LauncherOrder order;
    struct stat status;
    void *base;

    if (seals < 0 || !(seals & F_SEAL_SHRINK) || !(seals & F_SEAL_WRITE) || fstat(payload_fd, &status) < 0 ||
        status.st_size <= 0 || status.st_size > LAUNCHER_MAX_PAYLOAD_BYTES) {
        report_failure(reply_fd, LAUNCHER_STEP_REQUEST, EINVAL);
        return;
    }
    base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, payload_fd, 0);
    if (base == MAP_FAILED) {
        report_failure(reply_fd, LAUNCHER_STEP_REQUEST, errno);
        return;
    }
    if (launcher_payload_open(base, (size_t)status.st_size, &order) &&
        order.payload->n_fds == received->n_fds - LAUNCHER_WIRE_FD_CHILD)
        execute(received, &order);
    else
        report_failure(reply_fd, LAUNCHER_STEP_REQUEST, EBADMSG);
    munmap(base, (size_t)status.st_size);
}

/* A launcher holds a few hundred descriptors at most, but the engine's soft limit may be lower than that. */
static void
raise_descriptor_limit(void)
{
    struct rlimit raised;

    getrlimit(RLIMIT_NOFILE, &original_nofile);
    raised = original_nofile;
    raised.rlim_cur = raised.rlim_max;
    setrlimit(RLIMIT_NOFILE, &raised);
}

_Noreturn void
launcher_loop_run(int socket_fd)
{
    Received received;

    prctl(PR_SET_NAME, "moult-launcher");
    raise_descriptor_limit();
    while (receive(socket_fd, &received)) {
        if (received.complete)
            serve(&received);
        else if (received.n_fds > 0)
            report_failure(received.fds[LAUNCHER_WIRE_FD_REPLY], LAUNCHER_STEP_REQUEST, EMFILE);
        close_received(&received);
    }
    _exit(0);
}
