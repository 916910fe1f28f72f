/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of an instance. It is read back by an engine that may be newer or older than the one that wrote it:
 * an unknown version is refused (the guest is left alone), an unknown member is ignored.
 */
#include "guest/instance.h"

#include <stdio.h>
#include <unistd.h>

#include "paths/file.h"
#include "qemu/deferred.h"
#include "qemu/memory.h"
#include "qmp/json.h"

#define INSTANCE_FORMAT "moult-instance"
#define INSTANCE_VERSION 1
#define INSTANCE_MAX_BYTES (4 * 1024 * 1024)
#define INSTANCE_MAX_DEPTH 16

GuestInstance *
guest_instance_new(void)
{
    GuestInstance *instance = g_new0(GuestInstance, 1);

    instance->pidfd = -1;
    instance->words_fd = -1;
    instance->deferred = qemu_deferred_list_new();
    instance->memory = qemu_memory_list_new();
    return instance;
}

void
guest_instance_free(GuestInstance *instance)
{
    if (!instance)
        return;
    qmp_client_free(instance->monitor);
    if (instance->pidfd >= 0)
        close(instance->pidfd);
    if (instance->words_fd >= 0)
        close(instance->words_fd);
    guest_definition_free(instance->definition);
    g_free(instance->binary.path);
    g_free(instance->binary.version);
    g_free(instance->binary.package);
    g_free(instance->machine_type);
    g_strfreev(instance->command_line);
    g_ptr_array_unref(instance->memory);
    g_ptr_array_unref(instance->deferred);
    g_strfreev(instance->capabilities_left);
    g_free(instance->hugetlbfs_dir);
    g_free(instance->pidfile);
    g_free(instance->started);
    g_free(instance->upgraded);
    g_free(instance->method);
    g_free(instance->monitor_path);
    g_free(instance->last_shutdown);
    json_object_put(instance->evidence);
    g_free(instance);
}

void
guest_binary_set(GuestBinary *binary, const QemuBinary *probed)
{
    g_free(binary->path);
    g_free(binary->version);
    g_free(binary->package);
    *binary = (GuestBinary){
        .path = g_strdup(probed->path),
        .device = probed->device,
        .inode = probed->inode,
        .size_bytes = probed->size_bytes,
        .mtime_ns = probed->mtime_ns,
        .version = g_strdup(probed->version_text),
        .package = g_strdup(probed->package),
    };
}

QemuVersion
guest_binary_get_version(const GuestBinary *binary)
{
    QemuVersion version = {0};

    if (!binary->version || sscanf(binary->version, "%d.%d.%d", &version.major, &version.minor, &version.micro) < 2)
        return (QemuVersion){0};
    return version;
}

bool
guest_instance_is_shared(const GuestInstance *instance)
{
    return instance->memory->len > 0 && !qemu_memory_find_kind(instance->memory, QEMU_MEMORY_PRIVATE);
}

char *
guest_instance_dup_now(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");

    return g_strdup_printf("%s.%03dZ", seconds, g_date_time_get_microsecond(now) / 1000);
}

static json_object *
binary_to_json(const GuestBinary *binary)
{
    json_object *object = json_object_new_object();

    qmp_json_add_string(object, "path", binary->path);
    qmp_json_add_string(object, "version", binary->version);
    qmp_json_add_string(object, "package", binary->package);
    qmp_json_add_uint64(object, "device", binary->device);
    qmp_json_add_uint64(object, "inode", binary->inode);
    qmp_json_add_uint64(object, "size_bytes", binary->size_bytes);
    qmp_json_add_int64(object, "mtime_ns", binary->mtime_ns);
    return object;
}

static json_object *
memory_to_json(const GPtrArray *memory)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < memory->len; i++)
        json_object_array_add(array, qemu_memory_backend_to_json(g_ptr_array_index(memory, i)));
    return array;
}

json_object *
guest_instance_to_json(const GuestInstance *instance, GError **error)
{
    json_object *definition = guest_definition_to_json(instance->definition, error);
    if (!definition)
        return NULL;
    json_object *object = json_object_new_object();

    qmp_json_add_string(object, "format", INSTANCE_FORMAT);
    qmp_json_add_int64(object, "version", INSTANCE_VERSION);
    qmp_json_add_string(object, "boot_id", process_boot_id());
    qmp_json_add_uint64(object, "domain_id", instance->domain_id);
    qmp_json_add_int64(object, "pid", instance->process.pid);
    qmp_json_add_uint64(object, "start_time", instance->process.start_time);
    qmp_json_add_value(object, "definition", definition);
    qmp_json_add_value(object, "binary", binary_to_json(&instance->binary));
    qmp_json_add_string(object, "machine_type", instance->machine_type);
    qmp_json_add_strv(object, "command_line", (const char *const *)instance->command_line);
    qmp_json_add_value(object, "memory", memory_to_json(instance->memory));
    qmp_json_add_string(object, "hugetlbfs_dir", instance->hugetlbfs_dir);
    qmp_json_add_string(object, "pidfile", instance->pidfile);
    qmp_json_add_value(object, "deferred", qemu_deferred_list_to_json(instance->deferred));
    qmp_json_add_strv(object, "capabilities_left", (const char *const *)instance->capabilities_left);
    qmp_json_add_string(object, "started", instance->started);
    qmp_json_add_string(object, "upgraded", instance->upgraded);
    qmp_json_add_string(object, "method", instance->method);
    qmp_json_add_bool(object, "adopted", instance->adopted);
    qmp_json_add_string(object, "monitor_path", instance->monitor_path);
    return object;
}

static bool
binary_from_json(GuestBinary *binary, json_object *object)
{
    guint64 device = 0, inode = 0;

    if (!object || !qmp_json_get_string(object, "path") || !qmp_json_get_string(object, "version") ||
        !qmp_json_get_uint64(object, "device", &device) || !qmp_json_get_uint64(object, "inode", &inode) ||
        !qmp_json_get_uint64(object, "size_bytes", &binary->size_bytes) ||
        !qmp_json_get_int64(object, "mtime_ns", &binary->mtime_ns))
        return false;
    binary->path = g_strdup(qmp_json_get_string(object, "path"));
    binary->version = g_strdup(qmp_json_get_string(object, "version"));
    binary->package = g_strdup(qmp_json_get_string(object, "package"));
    binary->device = device;
    binary->inode = inode;
    return true;
}

static bool
memory_from_json(GPtrArray *memory, json_object *array, GError **error)
{
    size_t length = array ? json_object_array_length(array) : 0;

    for (size_t i = 0; i < length; i++) {
        QemuMemoryBackend *backend = qemu_memory_backend_from_json(json_object_array_get_idx(array, i), error);
        if (!backend)
            return false;
        g_ptr_array_add(memory, backend);
    }
    return true;
}

/* A record of before there was such a list has none. */
static bool
deferred_from_json(GuestInstance *instance, json_object *array, GError **error)
{
    GPtrArray *deferred = qemu_deferred_list_from_json(array);

    if (!deferred) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "the instance record has a damaged list of what is deferred");
        return false;
    }
    g_ptr_array_unref(instance->deferred);
    instance->deferred = deferred;
    return true;
}

static bool
header_is_ours(json_object *object, GError **error)
{
    gint64 version = 0;

    if (g_strcmp0(qmp_json_get_string(object, "format"), INSTANCE_FORMAT) != 0 ||
        !qmp_json_get_int64(object, "version", &version) || version != INSTANCE_VERSION) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "not an instance record of version %d", INSTANCE_VERSION);
        return false;
    }
    if (g_strcmp0(qmp_json_get_string(object, "boot_id"), process_boot_id()) != 0) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "the record is of another boot");
        return false;
    }
    return true;
}

GuestInstance *
guest_instance_from_json(json_object *object, GError **error)
{
    g_autoptr(GuestInstance) instance = guest_instance_new();
    gint64 pid = 0;

    if (!header_is_ours(object, error))
        return NULL;
    if (!qmp_json_get_uint64(object, "domain_id", &instance->domain_id) || !qmp_json_get_int64(object, "pid", &pid) ||
        pid < 0 || pid > G_MAXINT32 ||
        !qmp_json_get_uint64(object, "start_time", &instance->process.start_time) ||
        !binary_from_json(&instance->binary, qmp_json_get_object(object, "binary"))) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "the instance record lacks its process or its binary");
        return NULL;
    }
    instance->process.pid = (pid_t)pid;
    instance->definition = guest_definition_from_json(qmp_json_get_object(object, "definition"), error);
    if (!instance->definition || !memory_from_json(instance->memory, qmp_json_get_array(object, "memory"), error))
        return NULL;
    instance->machine_type = g_strdup(qmp_json_get_string(object, "machine_type"));
    instance->command_line = qmp_json_dup_strv(object, "command_line");
    instance->hugetlbfs_dir = g_strdup(qmp_json_get_string(object, "hugetlbfs_dir"));
    instance->pidfile = g_strdup(qmp_json_get_string(object, "pidfile"));
    if (!deferred_from_json(instance, qmp_json_get_array(object, "deferred"), error))
        return NULL;
    instance->capabilities_left = qmp_json_dup_strv(object, "capabilities_left");
    instance->started = g_strdup(qmp_json_get_string(object, "started"));
    instance->upgraded = g_strdup(qmp_json_get_string(object, "upgraded"));
    instance->method = g_strdup(qmp_json_get_string(object, "method"));
    qmp_json_get_bool(object, "adopted", &instance->adopted); /* a record of an older engine has none */
    instance->monitor_path = g_strdup(qmp_json_get_string(object, "monitor_path"));
    return g_steal_pointer(&instance);
}

bool
guest_instance_save(const GuestInstance *instance, const PathsInstance *paths, GError **error)
{
    g_autoptr(json_object) object = guest_instance_to_json(instance, error);
    if (!object)
        return false;
    size_t length = 0;
    const char *text = qmp_json_to_text(object, &length);

    return paths_file_replace(paths->config, text, length, 0600, error);
}

GuestInstance *
guest_instance_load(const PathsInstance *paths, GError **error)
{
    size_t size = 0;
    g_autofree char *text = paths_file_read(paths->config, INSTANCE_MAX_BYTES, &size, error);
    if (!text)
        return NULL;
    g_autoptr(json_object) object = qmp_json_parse(text, size, INSTANCE_MAX_DEPTH, error);
    g_autoptr(GuestInstance) instance = object ? guest_instance_from_json(object, error) : NULL;
    if (!instance) {
        g_prefix_error(error, "%s: ", paths->config);
        return NULL;
    }
    if (instance->domain_id != paths->domain_id) {
        g_set_error(error, PATHS_ERROR, PATHS_ERROR_INVALID, "%s: is the record of instance %" G_GUINT64_FORMAT,
                    paths->config, instance->domain_id);
        return NULL;
    }
    return g_steal_pointer(&instance);
}
