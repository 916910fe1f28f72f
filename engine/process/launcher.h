/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher: a small process forked before the engine gives anything up (capabilities, system calls). It alone
 * starts QEMU, so that no guest inherits the engine's filter. What it starts is the *engine's* child (CLONE_PARENT),
 * so that the engine can reap it; the launcher ends when the engine's end of the socket closes.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "process/identity.h"

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
    bool set_oom_score_adj;
    int oom_score_adj;
    const char *const *cgroup_dirs; /* NULL-terminated absolute directories whose cgroup.procs the child joins first */
    const struct rlimit *limits;    /* indexed by RLIMIT_*; NULL: as the engine's. RLIM_NLIMITS entries. */
    const cpu_set_t *affinity;      /* NULL: unchanged */
    pid_t namespaces_of;            /* join mnt/net/user/... namespaces of this process where they differ; 0: none */
} LauncherAttributes;

typedef struct {
    const char *binary;      /* absolute path that is executed */
    const char *const *argv; /* argv[0] included; NULL-terminated */
    const char *const *envp; /* NULL: the engine's environment as it was at launcher start */
    const LauncherFd *fds;   /* inherited besides 0 (/dev/null), 1 and 2 (log_fd) */
    size_t n_fds;
    int stdin_fd;  /* -1: /dev/null */
    int stdout_fd; /* -1: log_fd */
    int log_fd;    /* stderr, and stdout by default */
    LauncherAttributes attributes;
} LauncherRequest;

typedef struct {
    ProcessIdentity identity;
    int pidfd; /* owned by the caller */
} LauncherChild;

typedef struct Launcher Launcher;

/* Forks the launcher. To be called early, while the process has one thread. */
Launcher *launcher_start(GError **error);
/* Closes the socket, waits for the launcher's end. What it has started lives on. */
void launcher_free(Launcher *launcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Launcher, launcher_free)

/*
 * Starts a process and returns once its execve has succeeded (or says which step failed: PROCESS_ERROR_EXEC).
 * Thread-safe. TIMEOUT_MS bounds the whole; on a time-out a child that was created is killed.
 */
bool launcher_spawn(Launcher *launcher, const LauncherRequest *request, gint64 timeout_ms, LauncherChild *ret_child,
                    GError **error);
