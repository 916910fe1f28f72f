/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loads drivers as modprobe would: each device tells a "modalias", each module patterns of those it drives.
 *
 * /modules/index in the initramfs (made by build-initramfs from the modules themselves) has lines
 *     alias PATTERN MODULE
 *     need MODULE NEEDED        (NEEDED first; more lines for more)
 * and MODULE is the file /modules/MODULE. A driver makes devices appear (virtio-pci makes virtio devices), so rounds
 * are repeated until one loads nothing.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INDEX_MAX_BYTES (256 << 10)
#define LINES_MAX 4096
#define LOADED_MAX 128

typedef struct Line {
    const char *kind;
    const char *first;
    const char *second;
} Line;

static Line lines[LINES_MAX];
static unsigned n_lines;
static const char *loaded[LOADED_MAX];
static unsigned n_loaded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char *
file_read(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t used = 0;

    if (fd < 0)
        return NULL;
    for (ssize_t n; (n = read(fd, buffer + used, size - 1 - (size_t)used)) > 0;)
        used += n;
    close(fd);
    buffer[used] = '\0';
    return buffer;
}

static void
index_read(void)
{
    static char text[INDEX_MAX_BYTES];

    if (!file_read("/modules/index", text, sizeof(text))) {
        log_line("ERROR no index of modules: %s", log_errno());
        return;
    }
    for (char *rest = text, *line; n_lines < LINES_MAX && (line = strtok_r(rest, "\n", &rest));) {
        const char *kind = strtok_r(line, " ", &line);
        const char *first = strtok_r(line, " ", &line);
        const char *second = strtok_r(line, " ", &line);

        if (second)
            lines[n_lines++] = (Line){kind, first, second};
    }
}

static bool
module_is_loaded(const char *name)
{
    for (unsigned i = 0; i < n_loaded; i++)
        if (!strcmp(loaded[i], name))
            return true;
    return false;
}

static void
module_insert(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
        log_line("ERROR module %s: %s", name, log_errno());
    if (fd >= 0)
        close(fd);
}

static void
module_load(const char *name)
{
    if (module_is_loaded(name) || n_loaded == LOADED_MAX)
        return;
    /* First of all, so that a circle among modules ends. */
    loaded[n_loaded++] = name;
    for (unsigned i = 0; i < n_lines; i++)
        if (!strcmp(lines[i].kind, "need") && !strcmp(lines[i].first, name))
            module_load(lines[i].second);
    module_insert(name);
}

static void
device_load(const char *path)
{
    char modalias[1024];

    if (!file_read(path, modalias, sizeof(modalias)))
        return;
    modalias[strcspn(modalias, "\n")] = '\0';
    for (unsigned i = 0; i < n_lines; i++)
        if (!strcmp(lines[i].kind, "alias") && !fnmatch(lines[i].first, modalias, 0))
            module_load(lines[i].second);
}

static void
round_load(void)
{
    static const char *const patterns[] = {"/sys/bus/*/devices/*/modalias", "/sys/class/input/input*/modalias"};

    for (unsigned i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        glob_t found;

        if (glob(patterns[i], GLOB_NOSORT, NULL, &found))
            continue;
        for (size_t n = 0; n < found.gl_pathc; n++)
            device_load(found.gl_pathv[n]);
        globfree(&found);
    }
}

void
modules_load(void)
{
    unsigned before;

    pthread_mutex_lock(&lock);
    if (!n_lines)
        index_read();
    do {
        before = n_loaded;
        round_load();
    } while (n_loaded != before);
    pthread_mutex_unlock(&lock);
}
