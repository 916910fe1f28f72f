/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher: a small process forked before the engine gives anything up (capabilities, system calls). It alone
 * starts QEMU, so that no guest inherits the engine's filter. What it starts is the *engine's* child (CLONE_PARENT),
 * so that the engine can reap it; the launcher ends when the engine's end of the socket closes.
 */
#pragma once

#include <glib.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "process/identity.h"
#include "process/scheduling.h"

/* Descriptors of one request besides the three standard ones (the kernel passes 253 in one message). */
#define LAUNCHER_MAX_FDS 240
/* Arguments, environment and everything else of one request. */
#define LAUNCHER_MAX_PAYLOAD_BYTES (4u * 1024 * 1024)

typedef struct {
    int fd;     /* descriptor of the caller; borrowed */
    int number; /* what it is called in the child (>= 3) */
} LauncherFd;

/* Everything about the child that is not its arguments. Zero-initialised means: as the engine is. */
typedef struct {
    bool set_ids; /* uid, gid and groups below apply */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t n_groups;
    const char *cwd;            /* NULL: / */
    bool set_umask;
    mode_t umask;
    bool set_nice;
    int nice;
    bool set_scheduling; /* class, I/O priority and timer slack; the nice value is the one above */
    ProcessScheduling scheduling;
    bool set_oom_score_adj;
    int oom_score_adj;
    const char *const *cgroup_dirs; /* NULL-terminated absolute directories whose cgroup.procs the child joins first */
    const struct rlimit *limits;    /* indexed by RLIMIT_*; NULL: as the engine's. RLIM_NLIMITS entries. */
    const cpu_set_t *affinity;      /* NULL: unchanged */
    /*
     * Join the mount, network, IPC, UTS, cgroup, time, pid and user namespaces of this process where they differ from
     * the launcher's; 0: none. `binary` and `cwd` are then paths in there. The ids above stay the engine's view of them.
     */
    pid_t namespaces_of;
    /*
     * Where the launcher lacks the right (EACCES, EPERM): control groups, OOM score, nice value, scheduling and capabilities stay as they are,
     * limits come as near as they can. For an engine that is not root, or root in a container.
     */
    bool as_permitted;
    /*
     * No capability outside of the bounding set, and the ambient ones besides what the user has (bits by number); no gain of
     * privileges by any execve, this one included.
     */
    bool set_capabilities;
    guint64 bounding_capabilities, ambient_capabilities;
    bool no_new_privs;
    /* SELinux context to run in (see selinux/label.h); NULL: the policy's choice. */
    const char *exec_label;
    /* What AppArmor is told, "exec NAME" (see profile.h); NULL: as the policy has it. */
    const char *exec_profile;
    /* Killed when the engine ends, however it does: for helpers, never for a guest. */
    bool die_with_engine;
} LauncherAttributes;

/*
 * Called when the child exists, has all its attributes, and waits for leave to execute the binary. FALSE with ERROR set
 * kills it. It is the place to write its identity down: a child whose engine dies here ends by itself.
 */
typedef bool (*LauncherBeforeExec)(const ProcessIdentity *identity, void *data, GError **error);

typedef struct {
    const char *binary;      /* absolute path that is executed */
    const char *const *argv; /* argv[0] included; NULL-terminated */
    const char *const *envp; /* NULL: the engine's environment as it was at launcher start */
    const LauncherFd *fds;   /* inherited besides 0 (/dev/null), 1 and 2 (log_fd) */
    size_t n_fds;
    int stdin_fd;  /* -1: /dev/null. Mind that 0, what a zeroed request says, is a descriptor. */
    int stdout_fd; /* -1: log_fd */
    int log_fd;    /* stderr, and stdout by default; -1: /dev/null */
    LauncherAttributes attributes;
    LauncherBeforeExec before_exec; /* may be NULL */
    void *before_exec_data;
} LauncherRequest;

typedef struct {
    ProcessIdentity identity;
    int pidfd; /* owned by the caller */
} LauncherChild;

typedef struct Launcher Launcher;

/*
 * Forks the launcher. To be called early, while the process has one thread and before it holds anything that others
 * must not keep alive (the launcher closes all it inherits but stderr). FAILED, also when there are more threads.
 */
Launcher *launcher_start(GError **error);
/* Closes the socket, waits for the launcher's end. What it has started lives on. */
void launcher_free(Launcher *launcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Launcher, launcher_free)

/*
 * Starts a process and returns once its execve has succeeded (or says which step failed: PROCESS_ERROR_EXEC).
 * Thread-safe, and requests do not wait for each other's exec. TIMEOUT_MS bounds the whole (the time BEFORE_EXEC takes
 * included, though it is not interrupted); on any failure a child that was created is killed and reaped.
 * The child leads its own session, has no signal blocked, ignored or handled, and no descriptor but the ones named.
 * Errors: EXEC, TIMED_OUT, LAUNCHER, FAILED, and BEFORE_EXEC's own.
 */
bool launcher_spawn(Launcher *launcher, const LauncherRequest *request, gint64 timeout_ms, LauncherChild *ret_child,
                    GError **error);
