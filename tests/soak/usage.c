/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usage.h"

#include <stdlib.h>
#include <string.h>

/* The number behind KEY at the start of a line of /proc/PID/NAME; 0 when there is none. */
static guint64
read_field(pid_t pid, const char *name, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, name);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, key))
            return g_ascii_strtoull(*line + strlen(key), NULL, 10);
    return 0;
}

static guint64
count_names(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint64 n = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        n++;
        if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            n += count_names(path);
    }
    return n;
}

static void
add_process(pid_t pid, Usage *usage)
{
    g_autofree char *fds = g_strdup_printf("/proc/%d/fd", pid);

    usage->descriptors += count_names(fds);
    usage->threads += read_field(pid, "status", "Threads:");
    usage->memory_kib += read_field(pid, "smaps_rollup", "Pss_Anon:");
}

static char *
read_exe(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/exe", pid);

    return g_file_read_link(path, NULL);
}

/* QEMUs are the engine's children as well; the launcher runs the engine's own program. */
static void
add_launcher(pid_t engine, Usage *usage)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", engine, engine);
    g_autofree char *exe = read_exe(engine);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    g_auto(GStrv) pids = g_strsplit(g_strchomp(text), " ", -1);
    for (char **pid = pids; *pid; pid++) {
        g_autofree char *child = read_exe((pid_t)atoi(*pid));
        if (child && g_strcmp0(child, exe) == 0)
            add_process((pid_t)atoi(*pid), usage);
    }
}

void
usage_read(pid_t engine, const char *const *folders, Usage *ret_usage)
{
    *ret_usage = (Usage){0};
    add_process(engine, ret_usage);
    add_launcher(engine, ret_usage);
    for (; *folders; folders++)
        ret_usage->files += count_names(*folders);
}

void
usage_lowest(const Usage *samples, guint n, Usage *ret_usage)
{
    *ret_usage = samples[0];
    for (guint i = 1; i < n; i++) {
        ret_usage->descriptors = MIN(ret_usage->descriptors, samples[i].descriptors);
        ret_usage->threads = MIN(ret_usage->threads, samples[i].threads);
        ret_usage->memory_kib = MIN(ret_usage->memory_kib, samples[i].memory_kib);
        ret_usage->files = MIN(ret_usage->files, samples[i].files);
    }
}
