/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory backends of a guest: what each is made of and how the next QEMU gets the same pages.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#define QEMU_MEMORY_ERROR qemu_memory_error_quark()
GQuark qemu_memory_error_quark(void);
typedef enum {
    QEMU_MEMORY_ERROR_INVALID /* JSON that is no memory backend */
} QemuMemoryError;

typedef enum {
    QEMU_MEMORY_MEMFD,     /* anonymous file of ours, opened by QEMU through /proc/self/fd/N; N is fd_number */
    QEMU_MEMORY_HUGETLBFS, /* file of ours on a hugetlbfs mount, at `path`, keyed by the domain id */
    QEMU_MEMORY_FILE,      /* the operator's own file, share=on, at `path` */
    QEMU_MEMORY_PRIVATE    /* not shared: the method shared cannot be used */
} QemuMemoryKind;

typedef struct {
    char *id;             /* RAM block name: the backend's id */
    QemuMemoryKind kind;
    guint64 size_bytes;
    guint64 page_size_bytes; /* of a hugetlb memfd or hugetlbfs file; 0 for normal pages */
    int fd_number;        /* MEMFD: its number inside QEMU; -1 otherwise */
    char *path;           /* HUGETLBFS, FILE; NULL otherwise */
    dev_t device;         /* identity of the file once it exists; 0/0 before */
    ino_t inode;
} QemuMemoryBackend;

/* Of normal pages, in no file yet. */
QemuMemoryBackend *qemu_memory_backend_new(const char *id, QemuMemoryKind kind, guint64 size_bytes);
QemuMemoryBackend *qemu_memory_backend_copy(const QemuMemoryBackend *backend);
void qemu_memory_backend_free(QemuMemoryBackend *backend);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuMemoryBackend, qemu_memory_backend_free)
const char *qemu_memory_kind_to_string(QemuMemoryKind kind); /* "memfd" "hugetlbfs" "file" "private" */
bool qemu_memory_kind_from_string(const char *text, QemuMemoryKind *ret_kind);
/* The one called ID among BACKENDS (GPtrArray of QemuMemoryBackend); NULL: none. Borrowed. */
QemuMemoryBackend *qemu_memory_find(const GPtrArray *backends, const char *id);
/* The first of KIND; NULL: none. Borrowed. */
const QemuMemoryBackend *qemu_memory_find_kind(const GPtrArray *backends, QemuMemoryKind kind);
guint64 qemu_memory_sum_bytes(const GPtrArray *backends);
/* Of those in pages of PAGE_SIZE_BYTES; 0: normal pages. */
guint64 qemu_memory_sum_bytes_in_pages(const GPtrArray *backends, guint64 page_size_bytes);
/* An empty one, with its free function. */
GPtrArray *qemu_memory_list_new(void);

/* {"id","kind","size_bytes","page_size_bytes","fd_number","path","device","inode"}; owned. */
json_object *qemu_memory_backend_to_json(const QemuMemoryBackend *backend);
/* QEMU_MEMORY_ERROR_INVALID on a missing, misplaced or absurd member. Unknown members are ignored. */
QemuMemoryBackend *qemu_memory_backend_from_json(json_object *object, GError **error);
