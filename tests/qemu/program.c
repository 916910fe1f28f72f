/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void
child_setup(gpointer unused)
{
    (void)unused;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static char **
environment_with(const char *const *changes)
{
    char **environment = g_get_environ();

    for (; changes && *changes; changes++) {
        g_auto(GStrv) pair = g_strsplit(*changes, "=", 2);
        environment = g_environ_setenv(environment, pair[0], pair[1], TRUE);
    }
    return environment;
}

Program *
program_start(const char *const *argv, const char *const *changes, int ready_fd, GError **error)
{
    g_autoptr(Program) program = g_new0(Program, 1);
    g_auto(GStrv) environment = environment_with(changes);
    const int source_fds[] = {ready_fd}, target_fds[] = {3};

    program->pidfd = -1;
    program->output_fd = memfd_create("output", MFD_CLOEXEC);
    program->messages_fd = memfd_create("messages", MFD_CLOEXEC);
    if (!g_spawn_async_with_pipes_and_fds(NULL, argv, (const char *const *)environment, G_SPAWN_DO_NOT_REAP_CHILD,
                                          child_setup, NULL, -1, program->output_fd, program->messages_fd, source_fds,
                                          target_fds, ready_fd >= 0 ? 1 : 0, &program->pid, NULL, NULL, NULL, error))
        return NULL;
    program->pidfd = (int)syscall(SYS_pidfd_open, program->pid, 0);
    return g_steal_pointer(&program);
}

void
program_free(Program *program)
{
    if (!program)
        return;
    if (program->pid) {
        kill(program->pid, SIGKILL);
        waitpid(program->pid, NULL, 0);
    }
    if (program->pidfd >= 0)
        close(program->pidfd);
    close(program->output_fd);
    close(program->messages_fd);
    g_free(program);
}

bool
program_wait(Program *program, unsigned timeout_ms, int *ret_status)
{
    struct pollfd ended = {.fd = program->pidfd, .events = POLLIN};
    int status = 0;

    if (poll(&ended, 1, (int)timeout_ms) <= 0 || waitpid(program->pid, &status, 0) != program->pid)
        return false;
    program->pid = 0;
    if (ret_status)
        *ret_status = status;
    return true;
}

bool
program_is_running(const Program *program)
{
    struct pollfd ended = {.fd = program->pidfd, .events = POLLIN};

    return program->pid && poll(&ended, 1, 0) == 0;
}

void
program_signal(const Program *program, int signal_number)
{
    if (program->pid)
        kill(program->pid, signal_number);
}

static char *
dup_file(int fd)
{
    struct stat status;
    char *text = NULL;

    if (fstat(fd, &status) < 0)
        return g_strdup("");
    text = g_malloc0((gsize)status.st_size + 1);
    if (pread(fd, text, (size_t)status.st_size, 0) < 0)
        text[0] = '\0';
    return text;
}

char *
program_dup_output(const Program *program)
{
    return dup_file(program->output_fd);
}

char *
program_dup_messages(const Program *program)
{
    return dup_file(program->messages_fd);
}
