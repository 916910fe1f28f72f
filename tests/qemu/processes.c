/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "processes.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK "MOULT_INSTANCE="
/* What engines and commands are given by the harness; QEMUs do not inherit it. */
#define ENGINE_MARK "MOULT_RUNTIME_DIR="

static void
process_free(gpointer data)
{
    Process *process = data;

    close(process->pidfd);
    g_free(process->instance);
    g_free(process);
}

/* What MARK in PID's environment names; NULL without one. A zombie has no environment. */
static char *
read_mark(pid_t pid, const char *mark)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/environ", pid);
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!g_file_get_contents(path, &text, &length, NULL))
        return NULL;
    for (const char *at = text; at < text + length; at += strlen(at) + 1)
        if (g_str_has_prefix(at, mark))
            return g_strdup(at + strlen(mark));
    return NULL;
}

/* The pidfd first: whoever it holds is the one whose environment is read then, or has ended by then. */
static Process *
look_at(pid_t pid, const char *mark, const char *prefix)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return NULL;
    g_autofree char *instance = read_mark(pid, mark);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};

    if (!instance || !g_str_has_prefix(instance, prefix) || poll(&ended, 1, 0) != 0) {
        close(pidfd);
        return NULL;
    }
    Process *process = g_new(Process, 1);
    *process = (Process){.pid = pid, .pidfd = pidfd, .instance = g_steal_pointer(&instance)};
    return process;
}

static GPtrArray *
find_marked(const char *mark, const char *folder)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(process_free);
    g_autofree char *prefix = g_strconcat(folder, "/", NULL);
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        Process *process = g_ascii_isdigit(*name) ? look_at((pid_t)atoi(name), mark, prefix) : NULL;
        if (process)
            g_ptr_array_add(found, process);
    }
    return found;
}

GPtrArray *
processes_find(const char *folder)
{
    return find_marked(MARK, folder);
}

static bool
await_end(const Process *process, gint64 deadline_us)
{
    gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};

    return left_ms > 0 && poll(&ended, 1, (int)left_ms) > 0;
}

pid_t
processes_find_beside(const char *folder, pid_t pid)
{
    g_autoptr(GPtrArray) processes = processes_find(folder);

    for (guint i = 0; i < processes->len; i++) {
        const Process *process = g_ptr_array_index(processes, i);
        if (process->pid != pid && strstr(process->instance, "/instances/"))
            return process->pid;
    }
    return 0;
}

bool
processes_await_none(const char *folder, unsigned timeout_ms)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    for (;;) {
        g_autoptr(GPtrArray) found = processes_find(folder);
        if (found->len == 0)
            return true;
        if (!await_end(g_ptr_array_index(found, 0), deadline_us))
            return false;
    }
}

bool
processes_await_end(pid_t pid, unsigned timeout_ms)
{
    Process process = {.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};

    if (process.pidfd < 0)
        return true;
    bool has_ended = await_end(&process, g_get_monotonic_time() + (gint64)timeout_ms * 1000);
    close(process.pidfd);
    return has_ended;
}

static bool
kill_marked(const char *mark, const char *folder, gint64 deadline_us)
{
    for (;;) {
        g_autoptr(GPtrArray) found = find_marked(mark, folder);
        if (found->len == 0)
            return true;
        for (guint i = 0; i < found->len; i++) {
            const Process *process = g_ptr_array_index(found, i);
            syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
            if (await_end(process, deadline_us))
                continue;
            fprintf(stderr, "process %d of %s does not end\n", process->pid, process->instance);
            return false;
        }
    }
}

bool
processes_kill(const char *folder, unsigned timeout_ms)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    /* Engines first: they start QEMUs. */
    return kill_marked(ENGINE_MARK, folder, deadline_us) && kill_marked(MARK, folder, deadline_us);
}

static bool
is_zombie_of(pid_t pid, pid_t parent)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    int of = 0;
    char state = '?';

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return false;
    const char *rest = strrchr(text, ')'); /* the name before it may hold anything */
    return rest && sscanf(rest + 1, " %c %d", &state, &of) == 2 && of == parent && state == 'Z';
}

unsigned
processes_count_zombies(pid_t parent)
{
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    unsigned n = 0;
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (g_ascii_isdigit(*name) && is_zombie_of((pid_t)atoi(name), parent))
            n++;
    return n;
}

unsigned
processes_count_fds(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;

    while (dir && g_dir_read_name(dir))
        n++;
    return n;
}
