/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What /proc says about a process. A process may end or run another program between two of these calls:
 * callers that care hold a pidfd and look at process_has_exited() afterwards.
 */
#include "process/proc.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "process/failure.h"
#include "process/field.h"
#include "process/read.h"

#define MAX_STRINGS_BYTES (1024 * 1024)
#define MAX_STRINGS 65536
#define MAX_STATUS_BYTES (256 * 1024) /* a process may have 65536 supplementary groups */
#define DELETED_SUFFIX " (deleted)"

/* NUL-separated strings; a last one that lacks its NUL counts too. */
static char **
dup_strings(pid_t pid, const char *name, GError **error)
{
    size_t size;
    g_autofree char *data = process_read_proc(pid, name, MAX_STRINGS_BYTES, &size, error);
    g_autoptr(GPtrArray) strings = NULL;

    if (!data)
        return NULL;
    strings = g_ptr_array_new_with_free_func(g_free);
    for (size_t at = 0; at < size; at += strlen(data + at) + 1) {
        if (strings->len == MAX_STRINGS) {
            g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d/%s has more than %d strings",
                        pid, name, MAX_STRINGS);
            return NULL;
        }
        g_ptr_array_add(strings, g_strdup(data + at));
    }
    g_ptr_array_add(strings, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
}

char **
process_proc_dup_cmdline(pid_t pid, GError **error)
{
    return dup_strings(pid, "cmdline", error);
}

char **
process_proc_dup_environ(pid_t pid, GError **error)
{
    return dup_strings(pid, "environ", error);
}

static char *
dup_link(pid_t pid, const char *name, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, name);
    char target[PATH_MAX + sizeof(DELETED_SUFFIX)];
    ssize_t size = readlink(path, target, sizeof(target) - 1);

    if (size < 0) {
        process_set_error_errno(error, errno, "%s", path);
        return NULL;
    }
    return g_strndup(target, (size_t)size);
}

/* rpm renames a file that is in use to "name;5f3a1b2c" before it removes it. */
static void
cut_rpm_suffix(char *path)
{
    char *mark = strrchr(path, ';');

    if (!mark || mark[1] == '\0' || strchr(mark, '/'))
        return;
    if (strspn(mark + 1, "0123456789abcdefABCDEF") == strlen(mark + 1))
        *mark = '\0';
}

char *
process_proc_dup_exe(pid_t pid, bool *ret_deleted, GError **error)
{
    char *path = dup_link(pid, "exe", error);
    bool deleted;

    if (!path)
        return NULL;
    deleted = g_str_has_suffix(path, DELETED_SUFFIX);
    if (deleted) {
        path[strlen(path) - strlen(DELETED_SUFFIX)] = '\0';
        cut_rpm_suffix(path);
    }
    if (ret_deleted)
        *ret_deleted = deleted;
    return path;
}

char *
process_proc_dup_cwd(pid_t pid, GError **error)
{
    return dup_link(pid, "cwd", error);
}

/* "KEY:   123 kB", in bytes. */
static bool
parse_kib(const char *text, const char *key, guint64 *ret_bytes)
{
    const char *value = process_field_find(text, key);
    char *end;
    guint64 kib;

    if (!value || !g_ascii_isdigit(*value))
        return false;
    kib = g_ascii_strtoull(value, &end, 10);
    if (!g_str_has_prefix(end, " kB") || kib > G_MAXUINT64 / 1024)
        return false;
    *ret_bytes = kib * 1024;
    return true;
}

bool
process_proc_get_pss(pid_t pid, guint64 *ret_pss_bytes, GError **error)
{
    g_autofree char *text = process_read_proc(pid, "smaps_rollup", 64 * 1024, NULL, error);

    if (!text)
        return false;
    if (parse_kib(text, "Pss:", ret_pss_bytes))
        return true;
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d/smaps_rollup has no Pss", pid);
    return false;
}

bool
process_proc_get_resident(pid_t pid, guint64 *ret_bytes, GError **error)
{
    g_autofree char *status = process_read_proc(pid, "status", MAX_STATUS_BYTES, NULL, error);
    guint64 normal, huge = 0;

    if (!status)
        return false;
    if (!parse_kib(status, "VmRSS:", &normal)) { /* it has ended, and is not reaped yet */
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_GONE, "/proc/%d/status has no VmRSS", pid);
        return false;
    }
    parse_kib(status, "HugetlbPages:", &huge); /* a kernel without them says nothing of them */
    *ret_bytes = normal + huge;
    return true;
}

bool
process_proc_get_cpu_time(pid_t pid, gint64 *ret_cpu_us, GError **error)
{
    struct timespec time;
    clockid_t clock;
    int errnum = clock_getcpuclockid(pid, &clock);

    if (errnum == 0 && clock_gettime(clock, &time) < 0)
        errnum = errno;
    if (errnum != 0) {
        process_set_error_errno(error, errnum, "the processor time of process %d", pid);
        return false;
    }
    *ret_cpu_us = (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
    return true;
}

bool
process_proc_get_parent(pid_t pid, pid_t *ret_parent, GError **error)
{
    g_autofree char *status = process_read_proc(pid, "status", MAX_STATUS_BYTES, NULL, error);
    const char *value = status ? process_field_find(status, "PPid:") : NULL;

    if (!value) {
        if (status)
            g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d/status has no PPid", pid);
        return false;
    }
    *ret_parent = (pid_t)g_ascii_strtoll(value, NULL, 10);
    return true;
}

bool
process_proc_is_in_our_pid_namespace(pid_t pid)
{
    struct stat ours, theirs;
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/pid", pid);

    /* One that we may not look at is none that we could do anything with. */
    return stat("/proc/self/ns/pid", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

bool
process_proc_get_mem_available(guint64 *ret_bytes, GError **error)
{
    g_autofree char *text = process_read_file("/proc/meminfo", 64 * 1024, NULL, error);

    if (!text)
        return false;
    if (parse_kib(text, "MemAvailable:", ret_bytes))
        return true;
    g_set_error_literal(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/meminfo has no MemAvailable");
    return false;
}

bool
process_proc_get_char_major(const char *driver, unsigned *ret_major)
{
    g_autofree char *text = process_read_file("/proc/devices", 64 * 1024, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    for (char **line = lines; *line && !g_str_has_prefix(*line, "Block"); line++) {
        char *name = NULL;
        guint64 major = g_ascii_strtoull(*line, &name, 10);
        if (name == *line || *name != ' ' || strcmp(name + 1, driver) != 0)
            continue;
        *ret_major = (unsigned)major;
        return true;
    }
    return false;
}

bool
process_proc_get_ids(pid_t pid, uid_t *ret_uid, gid_t *ret_gid, GError **error)
{
    g_autofree char *status = process_read_proc(pid, "status", MAX_STATUS_BYTES, NULL, error);
    uid_t uid;
    gid_t gid;

    if (!status)
        return false;
    if (!process_field_get_effective_id(status, "Uid:", &uid) ||
        !process_field_get_effective_id(status, "Gid:", &gid)) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "/proc/%d/status has no ids", pid);
        return false;
    }
    if (ret_uid)
        *ret_uid = uid;
    if (ret_gid)
        *ret_gid = gid;
    return true;
}

bool
process_proc_get_has_children(pid_t pid, bool *ret_has_children, GError **error)
{
    g_autofree char *name = g_strdup_printf("task/%d/children", pid);
    g_autofree char *children = process_read_proc(pid, name, MAX_STRINGS_BYTES, NULL, error);

    if (!children)
        return false;
    *ret_has_children = children[0] != '\0';
    return true;
}

int
process_proc_fetch_fd(int pidfd, int fd_number, GError **error)
{
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, fd_number, 0);

    if (fd < 0)
        process_set_error_errno(error, errno == EBADF ? ENOENT : errno, "cannot duplicate descriptor %d of another process", fd_number);
    return fd;
}

GArray *
process_proc_list_pids(GError **error)
{
    g_autoptr(GError) dir_error = NULL;
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, &dir_error);
    g_autoptr(GArray) pids = NULL;
    const char *name;

    if (!dir) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot list processes: %s",
                    dir_error->message);
        return NULL;
    }
    pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    while ((name = g_dir_read_name(dir))) {
        guint64 number;

        if (g_ascii_string_to_unsigned(name, 10, 1, G_MAXINT, &number, NULL)) {
            pid_t pid = (pid_t)number;

            g_array_append_val(pids, pid);
        }
    }
    return g_steal_pointer(&pids);
}
