/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's side of the launcher. See launcher-wire.h for the conversation of a spawn.
 *
 * Invariant: launcher_spawn either returns a child together with its pidfd, or leaves none behind. A child
 * executes nothing before its pidfd has arrived here, so even when the engine dies in the middle no unknown
 * process remains.
 */
#include "process/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "process/failure.h"
#include "process/fd.h"
#include "process/launcher-wire.h"
#include "process/poll.h"

/* How long killing a child that failed, or the end of the launcher, may take: they are not in anybody's
 * hands. */
#define REAP_TIMEOUT_MS 5000

struct Launcher {
    int socket_fd;
    int null_fd;
    int pidfd;
};

static const char *
step_to_string(LauncherStep step)
{
    static const char *const names[LAUNCHER_N_STEPS] = {
        [LAUNCHER_STEP_REQUEST] = "read the request",
        [LAUNCHER_STEP_CLONE] = "create a process",
        [LAUNCHER_STEP_SESSION] = "create a session",
        [LAUNCHER_STEP_DESCRIPTORS] = "place descriptors",
        [LAUNCHER_STEP_CGROUP] = "join the control group",
        [LAUNCHER_STEP_OOM_SCORE] = "set the OOM score",
        [LAUNCHER_STEP_NICE] = "set the nice value",
        [LAUNCHER_STEP_SCHEDULING] = "set scheduling class and I/O priority",
        [LAUNCHER_STEP_AFFINITY] = "set the CPU affinity",
        [LAUNCHER_STEP_LIMITS] = "set resource limits",
        [LAUNCHER_STEP_CAPABILITIES] = "set its capabilities",
        [LAUNCHER_STEP_GROUPS] = "set supplementary groups",
        [LAUNCHER_STEP_GID] = "set the group",
        [LAUNCHER_STEP_UID] = "set the user",
        [LAUNCHER_STEP_NAMESPACES] = "join namespaces",
        [LAUNCHER_STEP_CWD] = "change the working directory",
        [LAUNCHER_STEP_LABEL] = "set its security label",
        [LAUNCHER_STEP_DEATH_SIGNAL] = "tie it to the engine",
        [LAUNCHER_STEP_EXEC] = "execute it",
    };

    return (unsigned)step < LAUNCHER_N_STEPS ? names[step] : "start";
}

/* --- the launcher's life --- */

/* The half of the fork that stays: nothing of the engine but the socket, stderr (for sanitizers) and the
 * environment. */
static _Noreturn void
become_launcher(int socket_fd, int null_fd)
{
    sigset_t all;

    /* Ends by end of file alone: service managers signal whole groups, and the engine still needs it while it
     * stops. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    if (socket_fd != STDERR_FILENO + 1)
        socket_fd = dup3(socket_fd, STDERR_FILENO + 1, O_CLOEXEC);
    syscall(SYS_close_range, STDERR_FILENO + 2, ~0u, 0);
    if (chdir("/") < 0)
        _exit(1);
    launcher_loop_run(socket_fd);
}

/* Other threads may hold locks of malloc or GLib at the fork, and would be missing afterwards. */
static bool
has_one_thread(void)
{
    struct stat status;

    return stat("/proc/self/task", &status) < 0 || status.st_nlink <= 3; /* ".", "..", and one more */
}

Launcher *
launcher_start(GError **error)
{
    process_autofd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), pidfd = -1;
    int sockets[2];
    pid_t pid;

    if (!has_one_thread()) {
        g_set_error_literal(error, PROCESS_ERROR, PROCESS_ERROR_FAILED,
                            "the launcher must be started before any thread");
        return NULL;
    }
    if (null_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        process_set_error_errno(error, errno, "cannot start the launcher");
        return NULL;
    }
    pid = fork();
    if (pid == 0) {
        close(sockets[0]);
        become_launcher(sockets[1], null_fd);
    }
    if (pid > 0)
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    close(sockets[1]);
    if (pidfd < 0) {
        process_set_error_errno(error, errno, "cannot start the launcher");
        close(sockets[0]);
        if (pid > 0)
            waitpid(pid, NULL, 0); /* it has nothing to do but to read the end of file */
        return NULL;
    }

    Launcher *launcher = g_new(Launcher, 1);
    *launcher = (Launcher){
        .socket_fd = sockets[0], .null_fd = process_fd_steal(&null_fd), .pidfd = process_fd_steal(&pidfd)};
    return launcher;
}

void
launcher_free(Launcher *launcher)
{
    g_autoptr(GError) error = NULL;

    if (!launcher)
        return;
    process_fd_clear(&launcher->socket_fd);
    if (!process_wait_exit(launcher->pidfd, REAP_TIMEOUT_MS, -1, NULL, &error)) {
        g_debug("launcher: %s", error->message);
        process_kill_and_reap(launcher->pidfd, REAP_TIMEOUT_MS, NULL, NULL);
    }
    process_fd_clear(&launcher->pidfd);
    process_fd_clear(&launcher->null_fd);
    g_free(launcher);
}

/* --- one spawn --- */

typedef struct {
    const LauncherRequest *request;
    gint64 deadline_us;
    int reply_fd;
    ProcessIdentity identity;
    int pidfd; /* -1 until STARTED */
    bool failed;
    LauncherReport failure;
} Spawn;

static bool
set_launcher_gone(GError **error)
{
    g_set_error_literal(error, PROCESS_ERROR, PROCESS_ERROR_LAUNCHER,
                        "the launcher process has ended; restart the engine");
    return false;
}

/* Waits for the socket. */
static bool
await(int fd, short events, const Spawn *spawn, GError **error)
{
    switch (process_poll_until(fd, events, spawn->deadline_us, -1)) {
    case PROCESS_POLL_READY:
        return true;
    case PROCESS_POLL_CANCELLED: /* there is nothing to cancel by */
    case PROCESS_POLL_TIMED_OUT:
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT, "cannot start %s: it takes too long",
                    spawn->request->binary);
        return false;
    case PROCESS_POLL_FAILED:
        break;
    }
    process_set_error_errno(error, errno, "cannot start %s", spawn->request->binary);
    return false;
}

static unsigned
collect_descriptors(const Launcher *launcher, const LauncherRequest *request, int reply_fd, int payload_fd,
                    int *fds)
{
    int log_fd = request->log_fd >= 0 ? request->log_fd : launcher->null_fd;

    fds[LAUNCHER_WIRE_FD_REPLY] = reply_fd;
    fds[LAUNCHER_WIRE_FD_PAYLOAD] = payload_fd;
    fds[LAUNCHER_WIRE_FD_STDIN] = request->stdin_fd >= 0 ? request->stdin_fd : launcher->null_fd;
    fds[LAUNCHER_WIRE_FD_STDOUT] = request->stdout_fd >= 0 ? request->stdout_fd : log_fd;
    fds[LAUNCHER_WIRE_FD_STDERR] = log_fd;
    for (size_t i = 0; i < request->n_fds; i++)
        fds[LAUNCHER_WIRE_FD_CHILD + i] = request->fds[i].fd;
    return LAUNCHER_WIRE_FD_CHILD + (unsigned)request->n_fds;
}

static bool
send_request(const Launcher *launcher, const Spawn *spawn, const int *fds, unsigned n_fds, GError **error)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * LAUNCHER_WIRE_MAX_FDS)];
    } control = {0};
    LauncherWireRequest request = {.magic = LAUNCHER_WIRE_MAGIC};
    struct iovec part = {.iov_base = &request, .iov_len = sizeof(request)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
    while (sendmsg(launcher->socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == EPIPE || errno == ECONNRESET)
            return set_launcher_gone(error);
        if (errno != EAGAIN) {
            process_set_error_errno(error, errno, "cannot start %s: cannot send the request",
                                    spawn->request->binary);
            return false;
        }
        if (!await(launcher->socket_fd, POLLOUT, spawn, error))
            return false;
    }
    return true;
}

/*
 * 1: a report; 0: end of file; -1 with ERROR. A descriptor that came along becomes the spawn's pidfd.
 * A child that fails before it has read its leave resets the connection: the kernel says so once, ahead of
 * the report.
 */
static int
receive_report(Spawn *spawn, LauncherReport *ret_report, GError **error)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = ret_report, .iov_len = sizeof(*ret_report)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header;
    ssize_t size;

    do {
        if (!await(spawn->reply_fd, POLLIN, spawn, error))
            return -1;
        size = recvmsg(spawn->reply_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (size < 0 && (errno == ECONNRESET || errno == EINTR || errno == EAGAIN));
    if (size == 0)
        return 0;
    header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && spawn->pidfd < 0)
        memcpy(&spawn->pidfd, CMSG_DATA(header), sizeof(int));
    if (size == sizeof(*ret_report))
        return 1;
    process_set_error_errno(error, size < 0 ? errno : EBADMSG, "cannot start %s: no report",
                            spawn->request->binary);
    return -1;
}

/* The child exists and waits: learn who it is, let the caller write it down, let it go. */
static bool
give_leave(Spawn *spawn, pid_t pid, GError **error)
{
    const LauncherRequest *request = spawn->request;
    const char leave = 1;

    if (spawn->pidfd < 0) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot start %s: no descriptor left for it",
                    request->binary);
        return false;
    }
    if (!process_identity_read(pid, &spawn->identity, error)) /* not reaped, so its pid cannot be another's */
        return false;
    if (request->before_exec && !spawn->failed &&
        !request->before_exec(&spawn->identity, request->before_exec_data, error))
        return false;
    /* A child that has failed and ended is gone from the socket; its report is what counts. */
    if (send(spawn->reply_fd, &leave, sizeof(leave), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EPIPE &&
        errno != ECONNRESET) {
        process_set_error_errno(error, errno, "cannot start %s", request->binary);
        return false;
    }
    return true;
}

/* The answer has ended without a report. A launcher that lives on can be asked again. */
static bool
fail_unreported(const Launcher *launcher, const Spawn *spawn, GError **error)
{
    if (process_has_exited(launcher->pidfd))
        return set_launcher_gone(error);
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot start %s: the launcher does not say what became of it",
                spawn->request->binary);
    return false;
}

/* Reads reports until the end of file that exec (or death) makes. The child's failure may overtake STARTED.
 */
static bool
follow(const Launcher *launcher, Spawn *spawn, GError **error)
{
    LauncherReport report;
    int received;

    while ((received = receive_report(spawn, &report, error)) > 0) {
        if (report.kind == LAUNCHER_REPORT_STARTED && !give_leave(spawn, report.pid, error))
            return false;
        if (report.kind == LAUNCHER_REPORT_FAILED) {
            spawn->failed = true;
            spawn->failure = report;
        }
    }
    if (received < 0)
        return false;
    if (spawn->failed) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_EXEC, "cannot start %s: cannot %s: %s",
                    spawn->request->binary, step_to_string(spawn->failure.step),
                    g_strerror(spawn->failure.errnum));
        return false;
    }
    return spawn->pidfd >= 0 || fail_unreported(launcher, spawn, error);
}

static bool
request_is_sane(const LauncherRequest *request, GError **error)
{
    const char *wrong = NULL;

    if (!request->binary || request->binary[0] != '/')
        wrong = "its path is not absolute";
    else if (!request->argv || !request->argv[0])
        wrong = "it has no arguments";
    else if (request->n_fds > LAUNCHER_MAX_FDS)
        wrong = "too many descriptors";
    for (size_t i = 0; !wrong && i < request->n_fds; i++) {
        if (request->fds[i].fd < 0 || request->fds[i].number <= STDERR_FILENO)
            wrong = "a descriptor has no proper number";
        for (size_t j = 0; !wrong && j < i; j++)
            if (request->fds[i].number == request->fds[j].number)
                wrong = "two descriptors have the same number";
    }
    if (!wrong)
        return true;
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot start %s: %s",
                request->binary ? request->binary : "a program", wrong);
    return false;
}

bool
launcher_spawn(Launcher *launcher, const LauncherRequest *request, gint64 timeout_ms,
               LauncherChild *ret_child, GError **error)
{
    Spawn spawn = {
        .request = request, .deadline_us = g_get_monotonic_time() + MAX(timeout_ms, 0) * 1000, .pidfd = -1};
    int sockets[2], fds[LAUNCHER_WIRE_MAX_FDS];
    bool sent;

    if (!request_is_sane(request, error))
        return false;
    process_autofd payload_fd = launcher_payload_new(request, error);
    if (payload_fd < 0)
        return false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        process_set_error_errno(error, errno, "cannot start %s", request->binary);
        return false;
    }
    spawn.reply_fd = sockets[0];
    sent = send_request(launcher, &spawn, fds,
                        collect_descriptors(launcher, request, sockets[1], payload_fd, fds), error);
    close(sockets[1]); /* or its end of file would never come */
    bool started = sent && follow(launcher, &spawn, error);
    close(sockets[0]);
    if (started) {
        *ret_child = (LauncherChild){.identity = spawn.identity, .pidfd = spawn.pidfd};
        return true;
    }
    if (spawn.pidfd >= 0)
        process_kill_and_reap(spawn.pidfd, REAP_TIMEOUT_MS, NULL, NULL);
    process_fd_clear(&spawn.pidfd);
    return false;
}
