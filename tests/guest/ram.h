/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of another process that may be a guest's RAM, piece by piece: a shared file (memfd, hugetlbfs, tmpfs),
 * opened on its own so that it outlives the process, or, where there is none, a range of the process's own memory.
 * Reading never makes a page come into being that was not there.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Ram {
    int fd;              /* the shared file, or /proc/PID/mem */
    bool is_file;        /* false: a range of the process */
    uint64_t start;      /* address of offset 0 in the process; meaningless for a file */
    uint64_t size_bytes;
    uint64_t block_bytes; /* what mappings of the file must be aligned to */
    dev_t device;         /* of the file */
    ino_t inode;
    int pagemap_fd; /* -1 for a file */
    char *name;     /* as /proc/PID/maps has it, for messages */
} Ram;

void ram_free(Ram *ram);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ram, ram_free)

/* All pieces of at least 1 MiB, shared files first; elements owned by the array. Never empty: none is an error. */
GPtrArray *ram_find(pid_t pid, GError **error);

/* Reads all of SIZE bytes; false past the end, or when the process has gone (and the memory with it). */
bool ram_read(const Ram *ram, uint64_t offset, void *ret_data, size_t size);
bool ram_write(const Ram *ram, uint64_t offset, const void *data, size_t size);

/* The first stretch that holds anything at or after OFFSET; false when there is none. */
bool ram_next_data(const Ram *ram, uint64_t offset, uint64_t *ret_start, uint64_t *ret_end);

/*
 * Calls FOUND for every 4 KiB page that begins with the SIZE bytes of HEAD; ends early when that returns false.
 */
typedef bool (*RamFound)(const Ram *ram, uint64_t offset, void *user_data);
void ram_scan(const Ram *ram, const void *head, size_t size, RamFound found, void *user_data);
