/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The version is read out of the program file, which /proc/PID/exe gives even when it has been deleted: QEMU holds the
 * words that `-version` prints as one constant. To run the file is out of the question: it may be anybody's.
 */
#include "guest/program.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/proc.h"

#define VERSION_WORDS "QEMU emulator version "
#define MAX_PROGRAM_BYTES ((gsize)512 * 1048576)
#define MAX_VERSION_BYTES 256

typedef struct {
    dev_t device;
    ino_t inode;
    guint64 size_bytes;
    gint64 mtime_ns;
    char *version, *package;
} Known;

static GMutex known_lock;
static GPtrArray *known; /* Known: a handful of files */

void
guest_binary_clear(GuestBinary *binary)
{
    g_free(binary->path);
    g_free(binary->version);
    g_free(binary->package);
    *binary = (GuestBinary){0};
}

static bool
is_qemu_name(const char *path)
{
    static const char *const names[] = {"qemu-kvm", "kvm", "qemu", NULL};
    g_autofree char *name = g_path_get_basename(path);

    return g_str_has_prefix(name, "qemu-system-") || g_strv_contains(names, name);
}

/* "7.2.22 (Debian 1:7.2+dfsg-7)\n..." */
static void
split_version(const char *text, gsize length, char **ret_version, char **ret_package)
{
    g_autofree char *line = g_strndup(text, MIN(length, MAX_VERSION_BYTES));
    gsize n = strspn(line, "0123456789.");
    char *open = line + n, *close = NULL;

    line[strcspn(line, "\n")] = '\0';
    if (strncmp(open, " (", 2) == 0 && (close = strrchr(open, ')')))
        *close = '\0';
    *ret_package = close ? g_utf8_make_valid(open + 2, -1) : g_strdup("");
    *ret_version = g_strndup(line, n);
}

bool
guest_program_read_version(int fd, char **ret_version, char **ret_package)
{
    struct stat status;
    const char *found, *end;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (gsize)status.st_size > MAX_PROGRAM_BYTES)
        return false;
    gsize size = (gsize)status.st_size;
    char *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return false;
    end = map + size;
    /* Behind the words a digit: the format string of an error message has a '%' there. */
    for (found = map; (found = memmem(found, (gsize)(end - found), VERSION_WORDS, strlen(VERSION_WORDS)));) {
        found += strlen(VERSION_WORDS);
        if (found < end && g_ascii_isdigit(*found)) {
            split_version(found, (gsize)(end - found), ret_version, ret_package);
            break;
        }
    }
    munmap(map, size);
    return found != NULL;
}

static void
known_free(gpointer data)
{
    Known *file = data;

    g_free(file->version);
    g_free(file->package);
    g_free(file);
}

static Known *
find_known(const GuestBinary *binary)
{
    for (guint i = 0; i < known->len; i++) {
        Known *file = g_ptr_array_index(known, i);
        if (file->device == binary->device && file->inode == binary->inode && file->size_bytes == binary->size_bytes &&
            file->mtime_ns == binary->mtime_ns)
            return file;
    }
    return NULL;
}

/* A program file is some ten megabytes: it is searched once. */
static void
set_version(GuestBinary *binary, int fd)
{
    g_mutex_lock(&known_lock);
    if (!known)
        known = g_ptr_array_new_with_free_func(known_free);
    Known *file = find_known(binary);
    if (!file) {
        file = g_new0(Known, 1);
        *file = (Known){.device = binary->device,
                        .inode = binary->inode,
                        .size_bytes = binary->size_bytes,
                        .mtime_ns = binary->mtime_ns};
        if (!guest_program_read_version(fd, &file->version, &file->package))
            file->version = g_strdup("");
        g_ptr_array_add(known, file);
    }
    binary->version = g_strdup(file->version);
    binary->package = g_strdup(file->package ? file->package : "");
    g_mutex_unlock(&known_lock);
}

static bool
describe_file(GuestBinary *binary, const char *path, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return false;
    *binary = (GuestBinary){
        .path = g_strdup(path),
        .device = status.st_dev,
        .inode = status.st_ino,
        .size_bytes = (guint64)status.st_size,
        .mtime_ns = (gint64)status.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + status.st_mtim.tv_nsec,
    };
    set_version(binary, fd);
    return true;
}

/* "ld-linux-x86-64.so.2 --library-path ... /path/qemu-system-x86_64": the word that names QEMU; 0: none. */
static guint
find_behind_loader(const char *exe, const char *const *command_line)
{
    g_autofree char *name = g_path_get_basename(exe);

    if (!g_str_has_prefix(name, "ld-linux") && !g_str_has_prefix(name, "ld-musl") && !g_str_has_prefix(name, "ld-2."))
        return 0;
    for (guint i = 1; command_line[0] && command_line[i]; i++)
        if (is_qemu_name(command_line[i]) && command_line[i][0] == '/')
            return i;
    return 0;
}

static bool
look_behind_loader(const char *path, GuestBinary *binary)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool described = fd >= 0 && describe_file(binary, path, fd);

    if (fd >= 0)
        close(fd);
    return described;
}

bool
guest_program_look(pid_t pid, const char *const *command_line, GuestBinary *binary, guint *ret_skip_words)
{
    bool is_deleted = false;
    g_autofree char *exe = process_proc_dup_exe(pid, &is_deleted, NULL);
    guint index = exe ? find_behind_loader(exe, command_line) : 0;

    *ret_skip_words = index + 1;
    if (index > 0)
        return look_behind_loader(command_line[index], binary);
    if (!exe || !is_qemu_name(exe))
        return false;
    g_autofree char *link = g_strdup_printf("/proc/%d/exe", pid);
    int fd = open(link, O_RDONLY | O_CLOEXEC);
    bool described = fd >= 0 && describe_file(binary, exe, fd);
    if (fd >= 0)
        close(fd);
    return described;
}
