/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a process in the namespaces of another one: a QEMU that runs in a container, or in its own network
 * namespace, is replaced by one in the same place. setns(2) with a pidfd joins several at once (Linux 5.8).
 * Async-signal-safe, as all of the launcher.
 */
#include "process/launcher-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct {
    const char *name;
    int flag;
} kinds[] = {
    {"mnt", CLONE_NEWNS},    {"net", CLONE_NEWNET},       {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},
    {"user", CLONE_NEWUSER}, {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME},
};

/* Opens /proc/PID/ns; PID 0 is the caller. */
static int
open_ns_dir(pid_t pid)
{
    char path[sizeof("/proc/2147483647/ns")] = "/proc/self/ns", digits[12],
         *cursor = digits + sizeof(digits) - 1;

    if (pid > 0) {
        *cursor = '\0';
        for (unsigned rest = (unsigned)pid; rest > 0; rest /= 10)
            *--cursor = (char)('0' + rest % 10);
        strcpy(path, "/proc/");
        strcat(path, cursor);
        strcat(path, "/ns");
    }
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* 1 different, 0 the same (or not known to this kernel), -1 with errno. */
static int
compare_one(int own_dir, int other_dir, const char *name)
{
    struct stat own, other;

    if (fstatat(own_dir, name, &own, 0) < 0)
        return errno == ENOENT ? 0 : -1;
    if (fstatat(other_dir, name, &other, 0) < 0)
        return -1;
    return own.st_dev != other.st_dev || own.st_ino != other.st_ino;
}

static void
close_keeping_errno(int fd)
{
    int saved_errno = errno;

    if (fd >= 0)
        close(fd);
    errno = saved_errno;
}

/* The namespaces of OF that differ, as CLONE_NEW* flags; -1 with errno. */
static int
compare_all(pid_t of)
{
    int own_dir = open_ns_dir(0), other_dir = open_ns_dir(of), flags = 0;

    if (own_dir < 0 || other_dir < 0)
        flags = -1;
    for (size_t i = 0; flags >= 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int different = compare_one(own_dir, other_dir, kinds[i].name);

        flags = different < 0 ? -1 : different ? flags | kinds[i].flag : flags;
    }
    close_keeping_errno(own_dir);
    close_keeping_errno(other_dir);
    return flags;
}

int
launcher_namespaces_open(pid_t of, int *ret_flags)
{
    int pidfd = (int)syscall(SYS_pidfd_open, of, 0), flags = pidfd < 0 ? -1 : compare_all(of);

    if (flags < 0) {
        close_keeping_errno(pidfd);
        return -1;
    }
    *ret_flags = flags;
    return pidfd;
}

int
launcher_namespaces_join_pid(pid_t of)
{
    int own_dir = open_ns_dir(0), other_dir = open_ns_dir(of), own = -1, other = -1, different = -1;

    if (own_dir >= 0 && other_dir >= 0)
        different = compare_one(own_dir, other_dir, "pid");
    if (different == 1) {
        own = openat(own_dir, "pid", O_RDONLY | O_CLOEXEC);
        other = openat(other_dir, "pid", O_RDONLY | O_CLOEXEC);
        if (own < 0 || other < 0 || setns(other, CLONE_NEWPID) < 0) {
            close_keeping_errno(own);
            own = -1;
        }
    } else if (different == 0) {
        own = LAUNCHER_NAMESPACES_SAME;
    }
    close_keeping_errno(other);
    close_keeping_errno(own_dir);
    close_keeping_errno(other_dir);
    return own;
}

void
launcher_namespaces_leave_pid(int handle)
{
    if (handle < 0)
        return;
    /* Cannot be refused to who came from there; if it were, no later guest may be put into a foreign
     * container. */
    if (setns(handle, CLONE_NEWPID) < 0)
        _exit(1);
    close(handle);
}
