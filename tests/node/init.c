/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first program of a node: loads modules, makes the host's file system its own, runs a script there, powers off. What
 * `run` put into the initramfs beside it: /modules/order (names, one a line, what is needed first), /modules/NAME, /script,
 * /policy (of SELinux; there need be none).
 *
 * The file system is the host's, read only, under one in memory that takes what is written. The script's output is the
 * console's; descriptor 3 is the second serial line, for `run` alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define RESULTS_FD 3
#define POLICY_LOAD "/sys/fs/selinux/load"
#define CACHE_9P "trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro"

typedef struct {
    const char *source, *path, *type, *data;
    unsigned long flags;
    int optional; /* not every kernel has it */
} Mount;

static const Mount first[] = {
    {"devtmpfs", "/dev", "devtmpfs", NULL, 0, 0},
    {"proc", "/proc", "proc", NULL, 0, 0},
};

static const Mount root[] = {
    {"host", "/host", "9p", CACHE_9P, MS_RDONLY, 0},
    {"tmpfs", "/new", "tmpfs", "size=50%", 0, 0},
    {"overlay", "/root", "overlay", "lowerdir=/host,upperdir=/new/upper,workdir=/new/work", 0, 0},
};

static const Mount inside[] = {
    {"proc", "/proc", "proc", NULL, 0, 0},
    {"sysfs", "/sys", "sysfs", NULL, 0, 0},
    {"devtmpfs", "/dev", "devtmpfs", NULL, 0, 0},
    {"devpts", "/dev/pts", "devpts", NULL, 0, 0},
    {"tmpfs", "/dev/shm", "tmpfs", "mode=1777", 0, 0},
    {"tmpfs", "/run", "tmpfs", "mode=755", 0, 0},
    {"tmpfs", "/tmp", "tmpfs", "mode=1777", 0, 0},
    {"tmpfs", "/var/tmp", "tmpfs", "mode=1777", 0, 0},
    {"cgroup2", "/sys/fs/cgroup", "cgroup2", NULL, 0, 0},
    {"securityfs", "/sys/kernel/security", "securityfs", NULL, 0, 1},
    {"selinuxfs", "/sys/fs/selinux", "selinuxfs", NULL, 0, 1},
};

static _Noreturn void
power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}

static _Noreturn void
give_up(const char *what)
{
    printf("node: %s: %s\n", what, strerror(errno));
    power_off();
}

static void
mount_all(const Mount *mounts, size_t n_mounts)
{
    for (size_t i = 0; i < n_mounts; i++) {
        const Mount *entry = &mounts[i];
        mkdir(entry->path, 0755);
        if (mount(entry->source, entry->path, entry->type, entry->flags, entry->data) < 0 && !entry->optional)
            give_up(entry->path);
    }
}

static void
load_module(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
        give_up(path);
    close(fd);
}

static void
load_modules(void)
{
    FILE *order = fopen("/modules/order", "re");
    char name[64];

    if (!order)
        give_up("/modules/order");
    while (fscanf(order, "%63s", name) == 1)
        load_module(name);
    fclose(order);
}

static void
enter_root(void)
{
    mkdir("/new", 0755);
    mount_all(root, 2);
    mkdir("/new/upper", 0755);
    mkdir("/new/work", 0755);
    mount_all(root + 2, 1);
    if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
        give_up("the new root");
    mount_all(inside, sizeof(inside) / sizeof(*inside));
}

/* Opened before the root changes, and before a terminal's ways could garble what is written. */
static void
open_results(void)
{
    struct termios settings;
    int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);

    if (fd < 0 || tcgetattr(fd, &settings) < 0)
        give_up("/dev/ttyS1");
    cfmakeraw(&settings);
    tcsetattr(fd, TCSANOW, &settings);
    if (dup2(fd, RESULTS_FD) < 0)
        give_up("/dev/ttyS1");
    if (fd != RESULTS_FD)
        close(fd);
}

/* The kernel takes it in one write. All processes that there are get the label of the kernel's own. */
static void
load_policy(int policy_fd)
{
    struct stat status;

    if (fstat(policy_fd, &status) < 0)
        give_up("/policy");
    void *policy = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, policy_fd, 0);
    int fd = open(POLICY_LOAD, O_WRONLY | O_CLOEXEC);
    if (policy == MAP_FAILED || fd < 0 || write(fd, policy, (size_t)status.st_size) != status.st_size)
        give_up(POLICY_LOAD);
    close(fd);
    close(policy_fd);
}

static void
run_script(int script_fd)
{
    char path[32];
    pid_t child = fork(), ended;

    if (child == 0) {
        setsid();
        snprintf(path, sizeof(path), "/proc/self/fd/%d", script_fd);
        execl("/bin/bash", "bash", path, NULL);
        give_up("/bin/bash");
    }
    if (child < 0)
        give_up("fork");
    do
        ended = wait(NULL); /* of orphans, too */
    while (ended != child && (ended >= 0 || errno == EINTR));
}

int
main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    mount_all(first, sizeof(first) / sizeof(*first));
    open_results();
    int script_fd = open("/script", O_RDONLY), policy_fd = open("/policy", O_RDONLY | O_CLOEXEC);
    if (script_fd < 0)
        give_up("/script");
    load_modules();
    enter_root();
    if (policy_fd >= 0)
        load_policy(policy_fd);
    run_script(script_fd);
    tcdrain(RESULTS_FD);
    power_off();
}
