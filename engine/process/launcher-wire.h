/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine and its launcher say to each other. Internal to launcher*.c.
 *
 * - Engine to launcher: one datagram LauncherWireRequest a spawn, with descriptors (LauncherWireFd, then the
 *   child's).
 * - Launcher to engine, on the request's own socket: LauncherReport STARTED with the pidfd.
 * - Child to engine, on the same socket: LauncherReport FAILED with step and errno, if a step before exec
 *   fails.
 * - Engine to child: one byte, leave to exec. End of file instead: the engine is gone, the child ends.
 * - End of file at the engine: the child has executed its binary (the socket is CLOEXEC), or is dead.
 *
 * Each spawn has a socket of its own, so the launcher never waits for anybody: neither for a binary on a slow
 * file system nor for an engine thread, and requests of several threads do not meet. The arguments travel in
 * a memfd: a datagram is limited by the socket's buffer, and an environment may be a megabyte.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "process/launcher.h"

#define LAUNCHER_WIRE_MAGIC 0x6d6f756cu

typedef struct {
    uint32_t magic;
} LauncherWireRequest;

/* Order of the descriptors of a request. The child's own follow from LAUNCHER_WIRE_FD_CHILD on. */
enum {
    LAUNCHER_WIRE_FD_REPLY, /* first: a request that is cut short by a full descriptor table can still be
                               answered */
    LAUNCHER_WIRE_FD_PAYLOAD,
    LAUNCHER_WIRE_FD_STDIN,
    LAUNCHER_WIRE_FD_STDOUT,
    LAUNCHER_WIRE_FD_STDERR,
    LAUNCHER_WIRE_FD_CHILD
};
#define LAUNCHER_WIRE_MAX_FDS (LAUNCHER_WIRE_FD_CHILD + LAUNCHER_MAX_FDS)

typedef enum {
    LAUNCHER_STEP_REQUEST,
    LAUNCHER_STEP_CLONE,
    LAUNCHER_STEP_SESSION,
    LAUNCHER_STEP_DESCRIPTORS,
    LAUNCHER_STEP_CGROUP,
    LAUNCHER_STEP_OOM_SCORE,
    LAUNCHER_STEP_NICE,
    LAUNCHER_STEP_SCHEDULING,
    LAUNCHER_STEP_AFFINITY,
    LAUNCHER_STEP_LIMITS,
    LAUNCHER_STEP_CAPABILITIES,
    LAUNCHER_STEP_GROUPS,
    LAUNCHER_STEP_GID,
    LAUNCHER_STEP_UID,
    LAUNCHER_STEP_NAMESPACES,
    LAUNCHER_STEP_CWD,
    LAUNCHER_STEP_LABEL,
    LAUNCHER_STEP_DEATH_SIGNAL,
    LAUNCHER_STEP_EXEC,
    LAUNCHER_N_STEPS
} LauncherStep;

typedef struct {
    enum { LAUNCHER_REPORT_STARTED, LAUNCHER_REPORT_FAILED } kind;
    LauncherStep step; /* FAILED */
    int errnum;        /* FAILED */
    pid_t pid;         /* STARTED */
} LauncherReport;

/*
 * The start of the memfd. Offsets count from the start of the memfd; 0 means absent. A list is an array of
 * string offsets, uint64_t each, ended by 0; the launcher turns the offsets into pointers where they stand.
 */
typedef struct {
    uint32_t size_bytes; /* of the whole */
    uint32_t n_fds;
    int32_t fd_numbers[LAUNCHER_MAX_FDS];
    uint64_t binary, cwd, exec_label, exec_profile, argv, envp, cgroup_dirs, groups;
    uint32_t n_argv, n_envp, n_cgroup_dirs, n_groups;
    uint8_t has_envp, has_limits, has_affinity, set_ids, set_umask, set_nice, set_scheduling, set_oom_score_adj,
        set_capabilities, no_new_privs,
        die_with_engine, as_permitted; /* bool */
    uid_t uid;
    gid_t gid;
    mode_t umask;
    int32_t nice, oom_score_adj;
    pid_t namespaces_of;
    uint64_t bounding_capabilities, ambient_capabilities;
    ProcessScheduling scheduling;
    cpu_set_t affinity;
    struct rlimit limits[RLIM_NLIMITS];
} LauncherPayload;

/* A payload with its offsets turned into pointers into the mapping. */
typedef struct {
    const LauncherPayload *payload;
    const char *binary, *cwd; /* cwd never NULL */
    const char *exec_label, *exec_profile; /* may be NULL */
    char *const *argv;
    char *const *envp;        /* NULL: the launcher's own */
    char *const *cgroup_dirs; /* NULL-terminated, may be NULL */
    const gid_t *groups;
} LauncherOrder;

/* Writes REQUEST into a sealed memfd; -1 on failure. Runs in the engine. */
int launcher_payload_new(const LauncherRequest *request, GError **error);
/*
 * Checks the payload of SIZE bytes at BASE (writable, private) and fills RET_ORDER with pointers into it.
 * FALSE when anything in it points out of it. Runs in the launcher: allocates nothing.
 */
bool launcher_payload_open(void *base, size_t size, LauncherOrder *ret_order);

/* The launcher's main loop over SOCKET_FD. Ends the process. */
_Noreturn void launcher_loop_run(int socket_fd);

typedef struct {
    const LauncherOrder *order;
    const int *fds; /* as received, LauncherWireFd order */
    unsigned n_fds;
    const struct rlimit *nofile; /* the engine's own limit, which the launcher has raised for itself */
    int namespaces_fd;           /* pidfd of a process whose namespaces are to be joined; -1: none */
    int namespaces_flags;        /* which of them, CLONE_NEW* */
} LauncherChildStart;
/* What the new process does until it is QEMU. Async-signal-safe: it is the copy of a process. */
_Noreturn void launcher_child_run(const LauncherChildStart *start);

/*
 * Namespaces, in the launcher, before it creates the child: in another pid namespace the pid would mean
 * nothing to it. Opens a pidfd of process OF for setns and says in RET_FLAGS which namespaces differ from
 * ours (CLONE_NEW*, without pid). -1 with errno.
 */
int launcher_namespaces_open(pid_t of, int *ret_flags);
/*
 * Who is in a pid namespace is decided at its creation. Sets the one of children to that of OF; returns a
 * descriptor for leave_pid, LAUNCHER_NAMESPACES_SAME where there is nothing to do, or -1 with errno.
 */
#define LAUNCHER_NAMESPACES_SAME (-2)
int launcher_namespaces_join_pid(pid_t of);
void launcher_namespaces_leave_pid(int handle);
