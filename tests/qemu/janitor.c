/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "janitor.h"

#include <fcntl.h>
#include <ftw.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "processes.h"

#define KILL_TIMEOUT_MS 10000
#define POOL "/proc/sys/vm/nr_hugepages"

static int notes_fd = -1;

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    (void)!remove(path); /* the rest shall go even if one does not */
    return 0;
}

void
janitor_remove_folder(const char *folder)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Lines of mountinfo, proc(5): the mount point is the fifth field. Our folders have no character that is escaped there. */
void
janitor_unmount_below(const char *folder)
{
    g_autofree char *prefix = g_strconcat(folder, "/", NULL);
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = g_strv_length(lines); i-- > 0;) { /* what is mounted on another comes behind it */
        g_auto(GStrv) fields = g_strsplit(lines[i], " ", 6);
        if (g_strv_length(fields) == 6 && g_str_has_prefix(fields[4], prefix))
            umount2(fields[4], MNT_DETACH);
    }
}

/* Of the machine, which others may use meanwhile: a lock between test programs, and differences only. */
bool
janitor_change_hugepages(int n)
{
    int fd = open(POOL, O_RDWR | O_CLOEXEC);
    char text[32] = "";

    if (fd < 0 || flock(fd, LOCK_EX) < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    int wanted = atoi(text) + n;
    int length = snprintf(text, sizeof(text), "%d\n", MAX(wanted, 0));
    bool done = pwrite(fd, text, (size_t)length, 0) == length && pread(fd, text, sizeof(text) - 1, 0) > 0 &&
                atoi(text) == wanted;
    close(fd);
    return done;
}

static void
clean_up(FILE *notes)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    char line[4096];
    int n_hugepages = 0;

    while (fgets(line, sizeof(line), notes)) {
        g_strchomp(line);
        if (line[0] == 'F')
            g_ptr_array_add(folders, g_strdup(line + 1));
        else if (line[0] == 'H')
            n_hugepages += atoi(line + 1);
    }
    for (guint i = 0; i < folders->len; i++) {
        processes_kill(g_ptr_array_index(folders, i), KILL_TIMEOUT_MS);
        janitor_unmount_below(g_ptr_array_index(folders, i));
        janitor_remove_folder(g_ptr_array_index(folders, i));
    }
    if (n_hugepages != 0)
        janitor_change_hugepages(-n_hugepages);
}

/* Out of reach of what ends the test program: another session, and deaf to everything but SIGKILL. */
static _Noreturn void
wait_and_clean(int read_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_IGN);
    for (int fd = 0; null_fd >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null_fd, fd);
    FILE *notes = fdopen(read_fd, "r");
    if (notes)
        clean_up(notes);
    _exit(0);
}

bool
janitor_start(void)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[1]);
        wait_and_clean(fds[0]);
    }
    close(fds[0]);
    notes_fd = fds[1];
    return pid > 0;
}

static void
note(const char *line)
{
    size_t length = strlen(line);

    if (write(notes_fd, line, length) != (ssize_t)length)
        g_error("the janitor is gone");
}

void
janitor_watch_folder(const char *folder)
{
    g_autofree char *line = g_strdup_printf("F%s\n", folder);

    note(line);
}

void
janitor_note_hugepages(int n)
{
    g_autofree char *line = g_strdup_printf("H%d\n", n);

    note(line);
}
