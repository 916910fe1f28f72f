/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The value type and its JSON form, which state files and the cookie of Begin carry. What is read back is
 * bounded: a file that was tampered with must not make the engine map or create something absurd.
 */
#include "qemu/memory.h"

#include <string.h>

#define ID_MAX_BYTES 128U
#define PATH_MAX_BYTES 4096U
#define SIZE_MAX_BYTES (G_GUINT64_CONSTANT(1) << 52)
#define PAGE_MAX_BYTES (G_GUINT64_CONSTANT(1) << 40)
#define FD_NUMBER_MAX 65535

G_DEFINE_QUARK(qemu - memory - error - quark, qemu_memory_error)

static const char *const kind_names[] = {
    [QEMU_MEMORY_MEMFD] = "memfd",
    [QEMU_MEMORY_HUGETLBFS] = "hugetlbfs",
    [QEMU_MEMORY_FILE] = "file",
    [QEMU_MEMORY_PRIVATE] = "private",
};

QemuMemoryBackend *
qemu_memory_backend_new(const char *id, QemuMemoryKind kind, guint64 size_bytes)
{
    QemuMemoryBackend *backend = g_new0(QemuMemoryBackend, 1);

    backend->id = g_strdup(id);
    backend->kind = kind;
    backend->size_bytes = size_bytes;
    backend->fd_number = -1;
    return backend;
}

QemuMemoryBackend *
qemu_memory_backend_copy(const QemuMemoryBackend *backend)
{
    QemuMemoryBackend *copy = g_new(QemuMemoryBackend, 1);

    *copy = *backend;
    copy->id = g_strdup(backend->id);
    copy->path = g_strdup(backend->path);
    return copy;
}

void
qemu_memory_backend_free(QemuMemoryBackend *backend)
{
    if (!backend)
        return;
    g_free(backend->id);
    g_free(backend->path);
    g_free(backend);
}

QemuMemoryBackend *
qemu_memory_find(const GPtrArray *backends, const char *id)
{
    for (guint i = 0; i < backends->len; i++) {
        QemuMemoryBackend *backend = g_ptr_array_index(backends, i);
        if (g_strcmp0(backend->id, id) == 0)
            return backend;
    }
    return NULL;
}

const QemuMemoryBackend *
qemu_memory_find_kind(const GPtrArray *backends, QemuMemoryKind kind)
{
    for (guint i = 0; i < backends->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(backends, i);
        if (backend->kind == kind)
            return backend;
    }
    return NULL;
}

guint64
qemu_memory_sum_bytes(const GPtrArray *backends)
{
    guint64 total = 0;

    for (guint i = 0; i < backends->len; i++)
        total += ((const QemuMemoryBackend *)g_ptr_array_index(backends, i))->size_bytes;
    return total;
}

guint64
qemu_memory_sum_bytes_in_pages(const GPtrArray *backends, guint64 page_size_bytes)
{
    guint64 total = 0;

    for (guint i = 0; i < backends->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(backends, i);
        total += backend->page_size_bytes == page_size_bytes ? backend->size_bytes : 0;
    }
    return total;
}

GPtrArray *
qemu_memory_list_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemu_memory_backend_free);
}

const char *
qemu_memory_kind_to_string(QemuMemoryKind kind)
{
    g_return_val_if_fail((size_t)kind < G_N_ELEMENTS(kind_names), NULL);
    return kind_names[kind];
}

bool
qemu_memory_kind_from_string(const char *text, QemuMemoryKind *ret_kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kind_names); i++) {
        if (g_strcmp0(text, kind_names[i]) == 0) {
            *ret_kind = (QemuMemoryKind)i;
            return true;
        }
    }
    return false;
}

json_object *
qemu_memory_backend_to_json(const QemuMemoryBackend *backend)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, "id", json_object_new_string(backend->id));
    json_object_object_add(object, "kind", json_object_new_string(qemu_memory_kind_to_string(backend->kind)));
    json_object_object_add(object, "size_bytes", json_object_new_uint64(backend->size_bytes));
    json_object_object_add(object, "page_size_bytes", json_object_new_uint64(backend->page_size_bytes));
    json_object_object_add(object, "fd_number", json_object_new_int(backend->fd_number));
    json_object_object_add(object, "path", backend->path ? json_object_new_string(backend->path) : NULL);
    json_object_object_add(object, "device", json_object_new_uint64(backend->device));
    json_object_object_add(object, "inode", json_object_new_uint64(backend->inode));
    return object;
}

/* A string member of 1 to MAX_BYTES bytes without NUL. NULL and an error otherwise. Borrowed. */
static const char *
get_string(json_object *object, const char *key, size_t max_bytes, GError **error)
{
    json_object *member;
    size_t length;

    if (!json_object_object_get_ex(object, key, &member) || !json_object_is_type(member, json_type_string)) {
        g_set_error(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID,
                    "memory backend without a string “%s”", key);
        return NULL;
    }
    length = (size_t)json_object_get_string_len(member);
    if (length == 0 || length > max_bytes || strlen(json_object_get_string(member)) != length) {
        g_set_error(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID,
                    "“%s” of a memory backend is not acceptable", key);
        return NULL;
    }
    return json_object_get_string(member);
}

/* An integer member from 0 (or -1 when SIGNED_MIN says so) to MAX. */
static bool
get_integer(json_object *object, const char *key, gint64 min, guint64 max, guint64 *ret_value, GError **error)
{
    json_object *member;
    gint64 value;

    if (!json_object_object_get_ex(object, key, &member) || !json_object_is_type(member, json_type_int)) {
        g_set_error(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID,
                    "memory backend without a number “%s”", key);
        return false;
    }
    value = json_object_get_int64(member);
    if (value < min || (value >= 0 && json_object_get_uint64(member) > max)) {
        g_set_error(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID,
                    "“%s” of a memory backend is out of range", key);
        return false;
    }
    *ret_value = value < 0 ? (guint64)value : json_object_get_uint64(member);
    return true;
}

static bool
is_power_of_two_or_zero(guint64 value)
{
    return (value & (value - 1)) == 0;
}

/* What a kind must have, and what it must not have. */
static bool
check_kind(const QemuMemoryBackend *backend, GError **error)
{
    bool needs_path = backend->kind == QEMU_MEMORY_HUGETLBFS || backend->kind == QEMU_MEMORY_FILE;
    bool needs_fd = backend->kind == QEMU_MEMORY_MEMFD;
    bool may_have_path = needs_path || backend->kind == QEMU_MEMORY_PRIVATE;

    if ((needs_path && !backend->path) || (!may_have_path && backend->path) ||
        needs_fd != (backend->fd_number >= 0) ||
        (backend->kind == QEMU_MEMORY_HUGETLBFS && !g_path_is_absolute(backend->path)) ||
        !is_power_of_two_or_zero(backend->page_size_bytes)) {
        g_set_error(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID,
                    "memory backend “%s” contradicts its kind “%s”", backend->id,
                    qemu_memory_kind_to_string(backend->kind));
        return false;
    }
    return true;
}

static bool
read_numbers(json_object *object, QemuMemoryBackend *backend, GError **error)
{
    guint64 fd_number, device, inode;

    if (!get_integer(object, "size_bytes", 1, SIZE_MAX_BYTES, &backend->size_bytes, error) ||
        !get_integer(object, "page_size_bytes", 0, PAGE_MAX_BYTES, &backend->page_size_bytes, error) ||
        !get_integer(object, "fd_number", -1, FD_NUMBER_MAX, &fd_number, error) ||
        !get_integer(object, "device", 0, G_MAXUINT64, &device, error) ||
        !get_integer(object, "inode", 0, G_MAXUINT64, &inode, error))
        return false;
    backend->fd_number = (int)(gint64)fd_number;
    backend->device = (dev_t)device;
    backend->inode = (ino_t)inode;
    return true;
}

QemuMemoryBackend *
qemu_memory_backend_from_json(json_object *object, GError **error)
{
    g_autoptr(QemuMemoryBackend) backend = g_new0(QemuMemoryBackend, 1);
    json_object *path = NULL;
    const char *text;

    if (!json_object_is_type(object, json_type_object)) {
        g_set_error_literal(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID,
                            "a memory backend must be an object");
        return NULL;
    }
    if (!(text = get_string(object, "id", ID_MAX_BYTES, error)))
        return NULL;
    backend->id = g_strdup(text);
    if (!(text = get_string(object, "kind", ID_MAX_BYTES, error)))
        return NULL;
    if (!qemu_memory_kind_from_string(text, &backend->kind)) {
        g_set_error(error, QEMU_MEMORY_ERROR, QEMU_MEMORY_ERROR_INVALID,
                    "no such kind of memory backend: “%.64s”", text);
        return NULL;
    }
    if (json_object_object_get_ex(object, "path", &path) && path) {
        if (!(text = get_string(object, "path", PATH_MAX_BYTES, error)))
            return NULL;
        backend->path = g_strdup(text);
    }
    if (!read_numbers(object, backend, error) || !check_kind(backend, error))
        return NULL;
    return g_steal_pointer(&backend);
}
