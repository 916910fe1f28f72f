/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "qemu/argv.h"
#include "qmp/text.h"

#define LAST_WORDS_BYTES 4096

static void
add_file(GuestLogFile *file, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && !guest_log_is(file, &status))
        file->files[file->n_files++] = status;
}

void
guest_log_find(const GuestInstance *instance, GuestLogFile *ret_file)
{
    const GuestDefinition *definition = instance->definition;
    g_autoptr(QemuArgv) argv = definition ? qemu_argv_parse((const char *const *)definition->argv, NULL) : NULL;
    const QemuArg *arg = argv ? qemu_argv_find(argv, "D") : NULL;

    *ret_file = (GuestLogFile){0};
    if (!arg)
        return;
    g_autofree char *path = g_canonicalize_filename(arg->value, definition->cwd);
    g_autofree char *theirs = g_strdup_printf("/proc/%d/root%s", instance->process.pid, path);
    add_file(ret_file, path);
    add_file(ret_file, theirs);
}

bool
guest_log_is(const GuestLogFile *file, const struct stat *status)
{
    for (guint i = 0; i < file->n_files; i++)
        if (file->files[i].st_dev == status->st_dev && file->files[i].st_ino == status->st_ino)
            return true;
    return false;
}

void
guest_log_begin(GuestInstance *instance, int stderr_fd)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", stderr_fd);

    if (instance->words_fd >= 0)
        close(instance->words_fd);
    instance->words_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* QEMU's own is for writing alone */
    instance->words_start = instance->words_fd >= 0 ? lseek(instance->words_fd, 0, SEEK_END) : 0;
}

/* The last lines are those that say why: as many of them as fit. A single one that is too long loses its end. */
static char *
quote_last_lines(const char *text, size_t length)
{
    size_t skip = length > QMP_TEXT_MESSAGE_MAX ? length - QMP_TEXT_MESSAGE_MAX : 0;

    bool is_cut = skip > 0; /* the first line is only the end of one */

    for (;;) {
        g_autofree char *quoted = qmp_text_quote_bytes(text + skip, length - skip, LAST_WORDS_BYTES);
        if (!is_cut && strlen(quoted) <= QMP_TEXT_MESSAGE_MAX)
            return g_steal_pointer(&quoted);
        const char *end = memchr(text + skip, '\n', length - skip);
        if (!end)
            return qmp_text_quote_bytes(text + skip, length - skip, QMP_TEXT_MESSAGE_MAX);
        skip = (size_t)(end + 1 - text);
        is_cut = false;
    }
}

/* Of what is in FD from START on. */
static char *
dup_last_lines(int fd, off_t start)
{
    char buffer[LAST_WORDS_BYTES];
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t length = size > start ? pread(fd, buffer, sizeof buffer, MAX(start, size - (off_t)sizeof buffer)) : 0;

    while (length > 0 && g_ascii_isspace(buffer[length - 1]))
        length--;
    return length > 0 ? quote_last_lines(buffer, (size_t)length) : g_strdup("");
}

char *
guest_log_dup_last_words(const GuestInstance *instance, const PathsInstance *paths)
{
    if (instance && instance->words_fd >= 0)
        return dup_last_lines(instance->words_fd, instance->words_start);
    int fd = open(paths->log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return g_strdup("");
    char *words = dup_last_lines(fd, 0);
    close(fd);
    return words;
}
