/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two forks: the engine is nobody's child here, so that a command that runs for days (`run --wait`) leaves no
 * zombie of it. How it ended is not needed, as the pipe says it.
 */
#include "cli/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/error.h"
#include "qmp/text.h"

#define LOG_MAX_BYTES (1 << 20)
#define LAST_WORDS_MAX_BYTES 2048
#define READY_FD 3

typedef struct {
    char *log_path;
    off_t log_offset; /* where this engine's part begins */
    int log_fd;
    int ready_read_fd, ready_write_fd;
} Spawn;

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void
spawn_clear(Spawn *spawn)
{
    g_clear_pointer(&spawn->log_path, g_free);
    close_fd(&spawn->log_fd);
    close_fd(&spawn->ready_read_fd);
    close_fd(&spawn->ready_write_fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Spawn, spawn_clear)

static char *
find_beside_program(void)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = program ? g_path_get_dirname(program) : NULL;

    return folder ? g_build_filename(folder, "moultd", NULL) : NULL;
}

/* NULL, with an error, where there is none. */
static char *
find_moultd(GError **error)
{
    static const char *const installed[] = {MOULT_LIBEXECDIR "/moultd", MOULT_SBINDIR "/moultd",
                                            MOULT_BINDIR "/moultd"};
    const char *given = g_getenv("MOULT_MOULTD");
    g_autofree char *beside = find_beside_program();

    if (given && given[0] != '\0')
        return g_strdup(given);
    if (beside && access(beside, X_OK) == 0)
        return g_steal_pointer(&beside);
    for (size_t i = 0; i < G_N_ELEMENTS(installed); i++)
        if (access(installed[i], X_OK) == 0)
            return g_strdup(installed[i]);
    cli_error_set(
        error, CLI_EXIT_UNREACHABLE,
        "no engine is running, and there is no moultd to start (neither at '%s' nor in %s; see MOULT_MOULTD)",
        beside ? beside : "?", MOULT_LIBEXECDIR);
    return NULL;
}

/* The log outlives engines; once it is long, it starts anew and the last one is kept. */
static bool
open_log(Spawn *spawn, const PathsDirs *dirs, GError **error)
{
    struct stat status;

    spawn->log_path = g_build_filename(dirs->runtime, "moultd.log", NULL);
    if (lstat(spawn->log_path, &status) == 0 && status.st_size > LOG_MAX_BYTES) {
        g_autofree char *old = g_strconcat(spawn->log_path, ".old", NULL);
        (void)rename(spawn->log_path, old);
    }
    spawn->log_fd =
        open(spawn->log_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (spawn->log_fd < 0) {
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "cannot open '%s': %s", spawn->log_path,
                      g_strerror(errno));
        return false;
    }
    spawn->log_offset = lseek(spawn->log_fd, 0, SEEK_END);
    return true;
}

/* Between fork and exec: nothing here allocates. Says why it ends in the log. */
static void
exec_engine(const char *program, const Spawn *spawn)
{
    char *const argv[] = {(char *)"moultd",     (char *)"--timeout",           (char *)"30",
                          (char *)"--ready-fd", (char *)G_STRINGIFY(READY_FD), NULL};
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    /* Aside first: the pipe may be descriptor 3 or one of the standard ones itself. */
    int ready_fd = fcntl(spawn->ready_write_fd, F_DUPFD_CLOEXEC, 10);
    int log_fd = fcntl(spawn->log_fd, F_DUPFD_CLOEXEC, 10);
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0 || dup2(ready_fd, READY_FD) < 0 || chdir("/") < 0)
        return;
    /* The engine serves everybody after us: it does not depend on whose shell came first. */
    (void)umask(022);
    execv(program, argv);
    dprintf(STDERR_FILENO, "cannot run '%s': %s\n", program, g_strerror(errno));
}

static bool
fork_engine(const char *program, Spawn *spawn, GError **error)
{
    pid_t child = fork();

    if (child == 0) {
        if (setsid() >= 0 && fork() == 0)
            exec_engine(program, spawn);
        _exit(1);
    }
    if (child < 0) {
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "cannot start the engine: %s", g_strerror(errno));
        return false;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    /* Ours must go: the pipe ends with the engine. */
    close_fd(&spawn->ready_write_fd);
    return true;
}

static void
set_last_words_error(const Spawn *spawn, const char *program, GError **error)
{
    char words[LAST_WORDS_MAX_BYTES];
    ssize_t n = pread(spawn->log_fd, words, sizeof(words) - 1, spawn->log_offset);

    words[n > 0 ? n : 0] = '\0';
    g_strstrip(words);
    if (words[0] != '\0')
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "the engine could not be started: %s", words);
    else
        cli_error_set(error, CLI_EXIT_UNREACHABLE,
                      "the engine could not be started: '%s' ended without a word", program);
}

static CliSpawnResult
wait_ready(const Spawn *spawn, const char *program, const QmpWait *wait, GError **error)
{
    char byte = '\0';

    if (qmp_wait_poll(wait, spawn->ready_read_fd, POLLIN) != QMP_WAIT_READY) {
        cli_error_set(error, CLI_EXIT_UNREACHABLE,
                      "the engine was started, but does not become ready; see %s", spawn->log_path);
        return CLI_SPAWN_FAILED;
    }
    if (read(spawn->ready_read_fd, &byte, 1) == 1 && byte == 'R')
        return CLI_SPAWN_READY;
    if (byte == 'L')
        return CLI_SPAWN_LOCKED;
    set_last_words_error(spawn, program, error);
    return CLI_SPAWN_FAILED;
}

CliSpawnResult
cli_spawn_engine(const PathsDirs *dirs, const QmpWait *wait, GError **error)
{
    g_auto(Spawn) spawn = {.log_fd = -1, .ready_read_fd = -1, .ready_write_fd = -1};
    g_autofree char *program = find_moultd(error);
    int fds[2];

    if (!program || !open_log(&spawn, dirs, error))
        return CLI_SPAWN_FAILED;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        cli_error_set(error, CLI_EXIT_UNREACHABLE, "cannot start the engine: %s", g_strerror(errno));
        return CLI_SPAWN_FAILED;
    }
    spawn.ready_read_fd = fds[0];
    spawn.ready_write_fd = fds[1];
    if (!fork_engine(program, &spawn, error))
        return CLI_SPAWN_FAILED;
    return wait_ready(&spawn, program, wait, error);
}
