/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system call filter: an allow-list, installed on all threads at once.
 *
 * What is not on it fails with EPERM and is logged: such a call comes from a library that was upgraded, or
 * from a place in the engine that the list has forgotten, and a failed operation is better than a dead
 * engine. What is on the second list kills: no library we use and no code of ours ever makes these calls, so
 * whoever makes them is neither.
 *
 * The lists hold names, so that one that this libseccomp or this architecture does not know is passed over.
 * MOULT_SECCOMP=log and the kernel's log (type=1326) show what a new feature needs.
 */
#include "process/confinement-parts.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "process/identity.h"

/* --- allowed, whatever the arguments --- */

/* clang-format off */
static const char *const allowed[] = {
    /* Memory: malloc, GLib, json-c; mmap and mprotect are below. */
    "brk", "munmap", "mremap", "madvise", "membarrier", "mincore", "msync",
    /* Threads of upgrades and of GLib; creating one is below. GLib gives the threads of its pools their
     * creator's scheduling. */
    "exit", "exit_group", "futex", "futex_time64", "futex_waitv", "get_robust_list", "set_robust_list",
    "rseq", "set_tid_address", "gettid", "sched_yield", "sched_getattr", "sched_setattr",
    "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
    "getcpu", "arch_prctl", "restart_syscall",
    /* Who and where we are. */
    "getpid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid",
    "getresuid", "getresgid", "getgroups", "capget", "uname", "sysinfo", "getrusage", "getcwd", "times",
    "getrlimit", "prlimit64", "getpriority", "umask",
    /* Time. */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "clock_nanosleep",
    "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "timerfd_create", "timerfd_settime",
    "timerfd_settime64", "timerfd_gettime", "timerfd_gettime64",
    /* Waiting: the main loop, qmp/, engine/process/poll.c. */
    "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64",
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "eventfd", "eventfd2", "pipe", "pipe2", "signalfd", "signalfd4", "inotify_init1",
    "inotify_add_watch", "inotify_rm_watch",
    /* Signals: our own dispositions; abort(); pidfds for QEMUs (engine/process/identity.c) and kill for
     * the process group of a QEMU that never came up. */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "rt_sigpending", "sigaltstack", "tgkill", "kill", "pidfd_open",
    "pidfd_send_signal", "wait4", "waitid",
    /* Descriptors of the old QEMU for the new one (engine/process/proc.c). */
    "pidfd_getfd",
    /* Reading and writing. */
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev",
    "pwritev2", "lseek", "_llseek", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64",
    "flock", "sendfile", "sendfile64", "copy_file_range", "fadvise64", "fadvise64_64",
    /* Files: paths/, the journal, the cache; guests' folders (chown), hugetlbfs (link), memory (memfd,
     * fallocate). */
    "open", "openat", "openat2", "creat", "stat", "stat64", "fstat", "fstat64", "lstat", "lstat64",
    "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "fstatfs", "fstatfs64", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink",
    "symlinkat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "chown32", "fchown", "fchown32",
    "lchown", "lchown32", "fchownat", "utime", "utimes", "utimensat", "utimensat_time64", "futimesat",
    "truncate", "truncate64", "ftruncate", "ftruncate64", "fallocate", "fsync", "fdatasync", "syncfs",
    "chdir", "fchdir", "memfd_create",
    /* Labels (selinux/). */
    "getxattr", "lgetxattr", "fgetxattr", "setxattr", "lsetxattr", "fsetxattr", "listxattr",
    "llistxattr", "flistxattr",
    /* UNIX sockets: control, monitors, the launcher. socket and socketpair are below. */
    "bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername", "getsockopt",
    "setsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "recvmmsg_time64",
    "shutdown", "send", "recv",
    /* Affinity and priorities of vCPU threads, like the old QEMU's. */
    "sched_getaffinity", "sched_setaffinity", "setpriority", "ioprio_get", "ioprio_set",
    /* Hash seeds and UUIDs. */
    "getrandom",
};
/* clang-format on */

/* --- never --- */

/* clang-format off */
static const char *const hostile[] = {
    /* Into other processes. (Reading their memory through /proc is a matter of capabilities and paths.) */
    "ptrace", "process_vm_readv", "process_vm_writev",
    /* Into the kernel. */
    "init_module", "finit_module", "create_module", "delete_module", "kexec_load", "kexec_file_load",
    "bpf", "perf_event_open", "userfaultfd", "iopl", "ioperm", "modify_ldt", "reboot", "lookup_dcookie",
    "nfsservctl",
    /* Around the view of the file system. */
    "mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "pivot_root", "chroot", "open_by_handle_at", "swapon", "swapoff", "quotactl",
    "quotactl_fd",
    /* The node's clock, name, accounting, keys. */
    "settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
    "clock_adjtime64", "sethostname", "setdomainname", "acct", "add_key", "keyctl", "request_key",
    "vhangup", "syslog",
};
/* clang-format on */

/* --- allowed with some arguments --- */

/* glibc's malloc names its memory, threads have names, GLib looks at dumpable. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
static const int prctls[] = {PR_SET_NAME,         PR_GET_NAME,         PR_GET_DUMPABLE, PR_SET_VMA,
                             PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ, PR_GET_SECCOMP};

/* isatty, sizes of terminals, non-blocking, bytes waiting; which terminal a master is of (guest/pty.c); a TAP's header size, queues,
 * steering program and offloads around a hand-over (guest/tap*.c), which are also read as features of its interface: changing those takes
 * CAP_NET_ADMIN, which the engine does not have. */
static const unsigned ioctls[] = {
    TCGETS,         TIOCGWINSZ,    FIONBIO,         FIONREAD,        FIOCLEX,      FIONCLEX,    TUNGETIFF,
    TUNGETFEATURES, TUNSETOFFLOAD, TUNGETVNETHDRSZ, TUNSETVNETHDRSZ, TUNGETVNETLE, TUNSETVNETLE, TUNSETQUEUE,
    TUNSETSTEERINGEBPF, SIOCETHTOOL,    SIOCGIFHWADDR,  TIOCGPTN,        TIOCGPTPEER};

static int
allow_argument(scmp_filter_ctx filter, const char *name, unsigned argument, scmp_datum_t mask,
               scmp_datum_t value)
{
    struct scmp_arg_cmp test = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value);

    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(name), 1, &test);
}

/* Threads, not processes: what must be started is started by the launcher. clone3 hides its flags behind a
 * pointer; told that it does not exist, glibc uses clone. */
static int
add_clone(scmp_filter_ctx filter, uint32_t refuse_clone3)
{
    int result = allow_argument(filter, "clone", 0, CLONE_THREAD, CLONE_THREAD);

    return result < 0 ? result
                      : seccomp_rule_add(filter, refuse_clone3, seccomp_syscall_resolve_name("clone3"), 0);
}

/* Never writable and executable at once, nor made executable later; loading a library (the name service) is
 * neither. */
static int
add_memory(scmp_filter_ctx filter)
{
    static const char *const protecting[] = {"mprotect", "pkey_mprotect"};
    static const char *const mapping[] = {"mmap", "mmap2"};
    int result = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(protecting) && result == 0; i++)
        result = allow_argument(filter, protecting[i], 2, PROT_EXEC, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(mapping) && result == 0; i++) {
        result = allow_argument(filter, mapping[i], 2, PROT_EXEC, 0);
        if (result == 0)
            result = allow_argument(filter, mapping[i], 2, PROT_WRITE | PROT_EXEC, PROT_EXEC);
    }
    return result;
}

/* Nothing of the engine speaks over a network. */
static int
add_sockets(scmp_filter_ctx filter)
{
    int result = allow_argument(filter, "socket", 0, UINT32_MAX, AF_UNIX);

    return result < 0 ? result : allow_argument(filter, "socketpair", 0, UINT32_MAX, AF_UNIX);
}

static int
add_controls(scmp_filter_ctx filter)
{
    int result = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(prctls) && result == 0; i++)
        result = allow_argument(filter, "prctl", 0, UINT32_MAX, (unsigned)prctls[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(ioctls) && result == 0; i++)
        result = allow_argument(filter, "ioctl", 1, UINT32_MAX, ioctls[i]);
    return result;
}

static int
add_names(scmp_filter_ctx filter, const char *const *names, size_t n_names, uint32_t action)
{
    for (size_t i = 0; i < n_names; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        int result = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);

        if (result < 0)
            return result;
    }
    return 0;
}

static int
fill(scmp_filter_ctx filter, bool refuse)
{
    int result = add_names(filter, allowed, G_N_ELEMENTS(allowed), SCMP_ACT_ALLOW);

    if (result == 0 && refuse) /* else the default action, which is to log, covers them */
        result = add_names(filter, hostile, G_N_ELEMENTS(hostile), SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = add_clone(filter, SCMP_ACT_ERRNO(ENOSYS));
    if (result == 0)
        result = add_memory(filter);
    if (result == 0)
        result = add_sockets(filter);
    return result == 0 ? add_controls(filter) : result;
}

static int
load(scmp_filter_ctx filter)
{
    static const struct {
        enum scmp_filter_attr attribute;
        uint32_t value;
    } settings[] = {
        {SCMP_FLTATR_CTL_TSYNC, 1}, /* every thread, or failure */
        {SCMP_FLTATR_CTL_NNP, 1},
        {SCMP_FLTATR_CTL_LOG, 1}, /* whatever is not allowed */
        {SCMP_FLTATR_CTL_OPTIMIZE,
         2}, /* a binary tree: the list is long and the main loop makes many calls */
        {SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
    };
    int result = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(settings) && result == 0; i++)
        result = seccomp_attr_set(filter, settings[i].attribute, settings[i].value);
    return result == 0 ? seccomp_load(filter) : result;
}

bool
confinement_install_filter(ConfinementMode mode, GError **error)
{
    bool refuse = mode == CONFINEMENT_REFUSE;
    scmp_filter_ctx filter = seccomp_init(refuse ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_LOG);
    int result = filter ? fill(filter, refuse) : -ENOMEM;

    if (result == 0)
        result = load(filter);
    if (filter)
        seccomp_release(filter);
    if (result == 0)
        return true;
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot install the system call filter: %s",
                g_strerror(result < 0 ? -result : result));
    return false;
}

bool
confinement_has_filter(void)
{
    return true;
}
