/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ram.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RAM_MIN_BYTES (1 << 20)
#define PRIVATE_FILE_MIN_BYTES (64 << 20)
#define PAGE_BYTES 4096
#define CHUNK_BYTES (1 << 20)
#define PAGEMAP_BATCH 512
#define PAGEMAP_PRESENT (3ULL << 62) /* present or swapped, Documentation/admin-guide/mm/pagemap.rst */

/* A line of /proc/PID/maps. */
typedef struct Mapping {
    uint64_t start;
    uint64_t end;
    char permissions[5];
    unsigned major;
    unsigned minor;
    uint64_t inode;
    const char *name;
} Mapping;

void
ram_free(Ram *ram)
{
    if (!ram)
        return;
    if (ram->fd >= 0)
        close(ram->fd);
    if (ram->pagemap_fd >= 0)
        close(ram->pagemap_fd);
    g_free(ram->name);
    g_free(ram);
}

static bool
mapping_parse(const char *line, Mapping *ret_mapping)
{
    int name_at = 0;
    Mapping mapping = {0};

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64 " %n", &mapping.start, &mapping.end,
               mapping.permissions, &mapping.major, &mapping.minor, &mapping.inode, &name_at) != 6 ||
        !name_at)
        return false;
    mapping.name = line + name_at;
    *ret_mapping = mapping;
    return true;
}

/* The process's own descriptor of the file it has mapped: unlike map_files, this needs no capability. */
static int
file_open(pid_t pid, const Mapping *mapping)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat info;

        if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_ino == mapping->inode &&
            info.st_dev == makedev(mapping->major, mapping->minor))
            return open(path, O_RDWR | O_CLOEXEC);
    }
    return -1;
}

static Ram *
ram_new_file(pid_t pid, const Mapping *mapping)
{
    int fd = file_open(pid, mapping);
    struct stat info;
    struct statfs system_info;

    if (fd < 0)
        return NULL;

    g_autoptr(Ram) ram = g_new0(Ram, 1);
    *ram = (Ram){.fd = fd, .is_file = true, .pagemap_fd = -1, .name = g_strdup(mapping->name)};
    if (fstat(fd, &info) < 0 || fstatfs(fd, &system_info) < 0)
        return NULL;
    ram->size_bytes = (uint64_t)info.st_size;
    ram->block_bytes = MAX((uint64_t)system_info.f_bsize, PAGE_BYTES);
    ram->device = info.st_dev;
    ram->inode = info.st_ino;
    return g_steal_pointer(&ram);
}

static int
proc_open(pid_t pid, const char *name, int flags)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, name);

    return open(path, flags | O_CLOEXEC);
}

static Ram *
ram_new_range(pid_t pid, const Mapping *mapping)
{
    g_autoptr(Ram) ram = g_new0(Ram, 1);

    *ram = (Ram){
        .fd = proc_open(pid, "mem", O_RDWR),
        .start = mapping->start,
        .size_bytes = mapping->end - mapping->start,
        .block_bytes = PAGE_BYTES,
        .pagemap_fd = proc_open(pid, "pagemap", O_RDONLY),
        .name = g_strdup(*mapping->name ? mapping->name : "private memory"),
    };
    return ram->fd >= 0 && ram->pagemap_fd >= 0 ? g_steal_pointer(&ram) : NULL;
}

static bool
is_known(const GPtrArray *files, const Mapping *mapping)
{
    for (guint i = 0; i < files->len; i++) {
        const Ram *ram = g_ptr_array_index(files, i);

        if (ram->inode == mapping->inode && ram->device == makedev(mapping->major, mapping->minor))
            return true;
    }
    return false;
}

/* Shared and readable both ways: a file when it can be had. Private: memory without a file, or more than a library has. */
static void
mapping_use(pid_t pid, const Mapping *mapping, GPtrArray *files, GPtrArray *ranges)
{
    bool is_shared = mapping->permissions[3] == 's';
    Ram *ram;

    if (mapping->end - mapping->start < RAM_MIN_BYTES || !g_str_has_prefix(mapping->permissions, "rw") ||
        (!is_shared && mapping->inode && mapping->end - mapping->start < PRIVATE_FILE_MIN_BYTES) ||
        (is_shared && is_known(files, mapping)))
        return;
    if (is_shared && (ram = ram_new_file(pid, mapping)))
        g_ptr_array_add(files, ram);
    else if ((ram = ram_new_range(pid, mapping)))
        g_ptr_array_add(ranges, ram);
}

GPtrArray *
ram_find(pid_t pid, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/maps", pid);
    g_autofree char *text = NULL;
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)ram_free);
    g_autoptr(GPtrArray) ranges = g_ptr_array_new_with_free_func((GDestroyNotify)ram_free);

    if (!g_file_get_contents(path, &text, NULL, error))
        return NULL;

    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        Mapping mapping;

        if (mapping_parse(*line, &mapping))
            mapping_use(pid, &mapping, files, ranges);
    }
    g_ptr_array_extend_and_steal(files, g_steal_pointer(&ranges));
    if (!files->len) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "process %d has no memory that could be a guest's, or it may not be read", pid);
        return NULL;
    }
    return g_steal_pointer(&files);
}

bool
ram_read(const Ram *ram, uint64_t offset, void *ret_data, size_t size)
{
    return pread(ram->fd, ret_data, size, (off_t)(ram->start + offset)) == (ssize_t)size;
}

bool
ram_write(const Ram *ram, uint64_t offset, const void *data, size_t size)
{
    return pwrite(ram->fd, data, size, (off_t)(ram->start + offset)) == (ssize_t)size;
}

/* hugetlbfs does not know of holes and says "data" throughout, which is right if slow: reads there make no pages. */
static bool
file_next_data(const Ram *ram, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end)
{
    off_t start = lseek(ram->fd, (off_t)offset, SEEK_DATA);
    off_t end = start < 0 ? -1 : lseek(ram->fd, start, SEEK_HOLE);

    if (end < 0)
        return false;
    *ret_start = (uint64_t)start;
    *ret_end = (uint64_t)end;
    return true;
}

static bool
stretch_return(uint64_t start, uint64_t end, uint64_t *ret_start, uint64_t *ret_end)
{
    if (start == UINT64_MAX)
        return false;
    *ret_start = start;
    *ret_end = end;
    return true;
}

static bool
range_next_data(const Ram *ram, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end)
{
    uint64_t entries[PAGEMAP_BATCH];
    uint64_t start = UINT64_MAX; /* none yet */

    while (offset < ram->size_bytes) {
        uint64_t n = MIN(PAGEMAP_BATCH, (ram->size_bytes - offset) / PAGE_BYTES);
        off_t at = (off_t)((ram->start + offset) / PAGE_BYTES * sizeof(uint64_t));

        if (!n || pread(ram->pagemap_fd, entries, n * sizeof(uint64_t), at) != (ssize_t)(n * sizeof(uint64_t)))
            break;
        for (uint64_t i = 0; i < n; i++, offset += PAGE_BYTES) {
            bool is_present = entries[i] & PAGEMAP_PRESENT;

            if (is_present && start == UINT64_MAX)
                start = offset;
            if (!is_present && start != UINT64_MAX)
                return stretch_return(start, offset, ret_start, ret_end);
        }
    }
    return stretch_return(start, offset, ret_start, ret_end);
}

bool
ram_next_data(const Ram *ram, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end)
{
    return ram->is_file ? file_next_data(ram, offset, ret_start, ret_end)
                        : range_next_data(ram, offset, ret_start, ret_end);
}

/* False: FOUND wants no more. */
static bool
chunk_scan(const Ram *ram, uint64_t offset, const char *data, uint64_t data_size, const void *head, size_t size,
           RamFound found, void *user_data)
{
    for (uint64_t i = 0; i + PAGE_BYTES <= data_size; i += PAGE_BYTES)
        if (!memcmp(data + i, head, size) && !found(ram, offset + i, user_data))
            return false;
    return true;
}

void
ram_scan(const Ram *ram, const void *head, size_t size, RamFound found, void *user_data)
{
    g_autofree char *data = g_malloc(CHUNK_BYTES);
    uint64_t start, end = 0;

    while (ram_next_data(ram, end, &start, &end)) {
        for (uint64_t at = start; at < end; at += CHUNK_BYTES) {
            uint64_t chunk = MIN(CHUNK_BYTES, end - at);

            if (ram_read(ram, at, data, chunk) && !chunk_scan(ram, at, data, chunk, head, size, found, user_data))
                return;
        }
    }
}
