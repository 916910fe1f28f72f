/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From fork to exec: the new process takes on its attributes. The order matters:
 *
 * - Descriptors first, while the descriptor limit is still ours.
 * - Control group, label, OOM score: through the engine's own /proc and /sys, before another mount namespace
 *   hides them.
 * - Nice value, affinity, limits, while still privileged (raising a hard limit needs CAP_SYS_RESOURCE).
 * - Working directory: where the process that is replaced may have got as root, too.
 * - Groups, gid, uid, in this order: after setuid none of the others is allowed.
 * - Namespaces after the ids, so that these are the engine's view of them and need no uid map read; the
 *   capabilities it takes are kept across setuid. The working directory is a path in there, so it comes then.
 * - Ambient capabilities: a change of ids clears them. The bounding set before, while there is the right to.
 * - The death signal: a change of ids clears it.
 * - Leave to exec, exec.
 *
 * Only async-signal-safe calls: raw system calls where glibc's wrapper would speak to threads that do not
 * exist here.
 */
#include "process/launcher-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nobody sees it: by then the engine knows the step and errno, or is gone. */
#define EXIT_BEFORE_EXEC 127

typedef struct {
    const LauncherPayload *payload;
    const LauncherOrder *order;
    int reply_fd;
    int namespaces_fd; /* -1: none to join */
    int namespaces_flags;
} Child;

static _Noreturn void
fail(const Child *child, LauncherStep step, int errnum)
{
    LauncherReport report = {.kind = LAUNCHER_REPORT_FAILED, .step = step, .errnum = errnum};

    send(child->reply_fd, &report, sizeof(report), MSG_NOSIGNAL);
    _exit(EXIT_BEFORE_EXEC);
}

static void
require(const Child *child, LauncherStep step, long result)
{
    if (result < 0)
        fail(child, step, errno);
}

/* The same for what need not be had at any price. */
static void
require_if_permitted(const Child *child, LauncherStep step, long result)
{
    if (result < 0 && !(child->payload->as_permitted && (errno == EACCES || errno == EPERM)))
        fail(child, step, errno);
}

static void
reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action,
                  NULL); /* refused for KILL and STOP; those glibc keeps to itself are unused here */
}

/* First all out of the way (above every number to be given out), then each to its own number: none is
 * overwritten. */
static void
place_descriptors(Child *child, const LauncherChildStart *start)
{
    int high[LAUNCHER_WIRE_MAX_FDS], above = STDERR_FILENO;

    for (uint32_t i = 0; i < child->payload->n_fds; i++)
        if (child->payload->fd_numbers[i] > above)
            above = child->payload->fd_numbers[i];
    for (unsigned i = 0; i < start->n_fds; i++) {
        if (i == LAUNCHER_WIRE_FD_PAYLOAD)
            continue;
        high[i] = fcntl(start->fds[i], F_DUPFD_CLOEXEC, above + 1);
        require(child, LAUNCHER_STEP_DESCRIPTORS, high[i]);
    }
    child->reply_fd = high[LAUNCHER_WIRE_FD_REPLY];
    if (start->namespaces_fd >= 0) {
        child->namespaces_fd = fcntl(start->namespaces_fd, F_DUPFD_CLOEXEC, above + 1);
        require(child, LAUNCHER_STEP_DESCRIPTORS, child->namespaces_fd);
    }
    /* Everything goes at exec, but what dup2 places next. */
    require(child, LAUNCHER_STEP_DESCRIPTORS, syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_CLOEXEC));
    require(child, LAUNCHER_STEP_DESCRIPTORS, dup2(high[LAUNCHER_WIRE_FD_STDIN], STDIN_FILENO));
    require(child, LAUNCHER_STEP_DESCRIPTORS, dup2(high[LAUNCHER_WIRE_FD_STDOUT], STDOUT_FILENO));
    require(child, LAUNCHER_STEP_DESCRIPTORS, dup2(high[LAUNCHER_WIRE_FD_STDERR], STDERR_FILENO));
    for (uint32_t i = 0; i < child->payload->n_fds; i++)
        require(child, LAUNCHER_STEP_DESCRIPTORS,
                dup2(high[LAUNCHER_WIRE_FD_CHILD + i], child->payload->fd_numbers[i]));
}

static long
write_file(int dir_fd, const char *name, const char *text)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC), saved_errno;
    ssize_t written;

    if (fd < 0)
        return -1;
    written = write(fd, text, strlen(text));
    saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return written;
}

static void
join_cgroups(const Child *child)
{
    for (uint32_t i = 0; i < child->payload->n_cgroup_dirs; i++) {
        int dir_fd = open(child->order->cgroup_dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

        require(child, LAUNCHER_STEP_CGROUP, dir_fd);
        /* 0: the writer */
        require_if_permitted(child, LAUNCHER_STEP_CGROUP, write_file(dir_fd, "cgroup.procs", "0"));
        close(dir_fd);
    }
}

static void
set_oom_score_adj(const Child *child)
{
    char text[12], *cursor = text + sizeof(text) - 1;
    int value = child->payload->oom_score_adj;
    unsigned magnitude = value < 0 ? 0u - (unsigned)value : (unsigned)value;

    *cursor = '\0';
    do
        *--cursor = (char)('0' + magnitude % 10);
    while (magnitude /= 10);
    if (value < 0)
        *--cursor = '-';
    require_if_permitted(child, LAUNCHER_STEP_OOM_SCORE,
                         write_file(AT_FDCWD, "/proc/self/oom_score_adj", cursor));
}

static rlim_t
lower(rlim_t a, rlim_t b)
{
    return a < b ? a : b; /* RLIM_INFINITY is the highest */
}

static long
set_limit(const Child *child, int resource)
{
    struct rlimit limit = child->payload->limits[resource], own;

    if (setrlimit(resource, &limit) == 0)
        return 0;
    if (errno != EPERM || !child->payload->as_permitted || getrlimit(resource, &own) < 0)
        return -1;
    limit.rlim_max = lower(limit.rlim_max, own.rlim_max);
    limit.rlim_cur = lower(limit.rlim_cur, limit.rlim_max);
    return setrlimit(resource, &limit);
}

static void
set_limits(const Child *child, const struct rlimit *nofile)
{
    /* The launcher has raised this one for itself. */
    require(child, LAUNCHER_STEP_LIMITS, setrlimit(RLIMIT_NOFILE, nofile));
    if (!child->payload->has_limits)
        return;
    for (int resource = 0; resource < RLIM_NLIMITS; resource++)
        require(child, LAUNCHER_STEP_LIMITS, set_limit(child, resource));
}

static void
set_scheduling(const Child *child)
{
    const LauncherPayload *payload = child->payload;

    if (payload->set_oom_score_adj)
        set_oom_score_adj(child);
    if (payload->set_nice)
        require_if_permitted(child, LAUNCHER_STEP_NICE, setpriority(PRIO_PROCESS, 0, payload->nice));
    if (payload->set_scheduling)
        require_if_permitted(child, LAUNCHER_STEP_SCHEDULING, process_scheduling_set_own(&payload->scheduling));
    if (payload->has_affinity)
        require(child, LAUNCHER_STEP_AFFINITY,
                sched_setaffinity(0, sizeof(payload->affinity), &payload->affinity));
    if (payload->set_umask)
        umask(payload->umask);
}

/* Makes all permitted capabilities effective: setuid to a user other than root clears these even with
 * KEEPCAPS. */
static long
raise_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].effective = data[i].permitted;
    return syscall(SYS_capset, &header, data);
}

/* Ends at the first number that this kernel does not know. */
static void
set_bounding_capabilities(const Child *child)
{
    if (!child->payload->set_capabilities)
        return;
    for (unsigned long capability = 0; capability < 64 && prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if (!(child->payload->bounding_capabilities >> capability & 1) && prctl(PR_CAPBSET_READ, capability) > 0)
            require_if_permitted(child, LAUNCHER_STEP_CAPABILITIES, prctl(PR_CAPBSET_DROP, capability));
}

static bool
has_ambient_capabilities(const Child *child)
{
    return child->payload->set_capabilities && child->payload->ambient_capabilities != 0;
}

/* They must be inheritable first. */
static void
set_ambient_capabilities(const Child *child)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    uint64_t wanted = child->payload->ambient_capabilities;

    if (!has_ambient_capabilities(child))
        return;
    require(child, LAUNCHER_STEP_CAPABILITIES, syscall(SYS_capget, &header, data));
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].inheritable = (uint32_t)(wanted >> 32 * i) & data[i].permitted;
    require_if_permitted(child, LAUNCHER_STEP_CAPABILITIES, syscall(SYS_capset, &header, data));
    for (unsigned long capability = 0; capability < 64; capability++)
        if (wanted >> capability & 1)
            require_if_permitted(child, LAUNCHER_STEP_CAPABILITIES, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0));
}

static void
set_ids(const Child *child)
{
    const LauncherPayload *payload = child->payload;
    bool keeps = child->namespaces_fd >= 0 || has_ambient_capabilities(child);

    if (!payload->set_ids)
        return;
    /* An unprivileged engine may name the ids that it has: then there is nothing to change, and no right to.
     */
    if (geteuid() != 0 && geteuid() == payload->uid && getegid() == payload->gid)
        return;
    require(child, LAUNCHER_STEP_GROUPS, syscall(SYS_setgroups, payload->n_groups, child->order->groups));
    require(child, LAUNCHER_STEP_GID, syscall(SYS_setresgid, payload->gid, payload->gid, payload->gid));
    if (keeps)
        require(child, LAUNCHER_STEP_UID, prctl(PR_SET_KEEPCAPS, 1));
    require(child, LAUNCHER_STEP_UID, syscall(SYS_setresuid, payload->uid, payload->uid, payload->uid));
    if (keeps)
        require(child, LAUNCHER_STEP_UID, raise_capabilities());
}

/* Blocks until the engine has the pidfd and agrees; the end of the engine is a no. */
static void
await_leave(const Child *child)
{
    char leave;
    ssize_t size;

    do
        size = recv(child->reply_fd, &leave, sizeof(leave), 0);
    while (size < 0 && errno == EINTR);
    if (size != sizeof(leave))
        _exit(EXIT_BEFORE_EXEC);
}

/* For the next execve. AppArmor has a place of its own since Linux 5.1. */
static void
set_labels(const Child *child)
{
    const LauncherOrder *order = child->order;

    if (order->exec_label)
        require(child, LAUNCHER_STEP_LABEL, write_file(AT_FDCWD, "/proc/self/attr/exec", order->exec_label));
    if (!order->exec_profile || write_file(AT_FDCWD, "/proc/self/attr/apparmor/exec", order->exec_profile) >= 0)
        return;
    if (errno == ENOENT)
        require(child, LAUNCHER_STEP_LABEL, write_file(AT_FDCWD, "/proc/self/attr/exec", order->exec_profile));
    else
        fail(child, LAUNCHER_STEP_LABEL, errno);
}

static void
enter(const Child *child)
{
    set_bounding_capabilities(child);
    if (child->namespaces_fd < 0) {
        require(child, LAUNCHER_STEP_CWD, chdir(child->order->cwd));
        set_ids(child);
        return;
    }
    set_ids(child);
    require(child, LAUNCHER_STEP_NAMESPACES, setns(child->namespaces_fd, child->namespaces_flags));
    require(child, LAUNCHER_STEP_CWD, chdir(child->order->cwd));
}

_Noreturn void
launcher_child_run(const LauncherChildStart *start)
{
    const LauncherOrder *order = start->order;
    Child child = {.payload = order->payload,
                   .order = order,
                   .reply_fd = start->fds[LAUNCHER_WIRE_FD_REPLY],
                   .namespaces_fd = -1,
                   .namespaces_flags = start->namespaces_flags};
    sigset_t none;

    reset_signals();
    require(&child, LAUNCHER_STEP_SESSION, setsid());
    place_descriptors(&child, start);
    join_cgroups(&child);
    set_labels(&child);
    set_scheduling(&child);
    set_limits(&child, start->nofile);
    enter(&child);
    set_ambient_capabilities(&child);
    if (child.payload->no_new_privs)
        require(&child, LAUNCHER_STEP_CAPABILITIES, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    /* Last: a change of ids clears it. Should the engine die just before, await_leave reads the end of file.
     */
    if (child.payload->die_with_engine)
        require(&child, LAUNCHER_STEP_DEATH_SIGNAL, prctl(PR_SET_PDEATHSIG, SIGKILL));
    await_leave(&child);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(order->binary, order->argv, order->envp ? order->envp : environ);
    fail(&child, LAUNCHER_STEP_EXEC, errno);
}
