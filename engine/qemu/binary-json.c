/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of a binary, as a cache file. Such a file is never a reason to fail: whatever is wrong with
 * it, the binary is asked again. So reading knows only "whole and ours" and "no".
 */
#include "qemu/binary-new.h"

#include <string.h>

#include "qmp/json.h"
#include "qmp/text.h"

/* To be raised with every change of the form or of how an answer is understood. */
#define FORMAT 1

#define MAX_LIST 65536
#define MAX_NAME_BYTES 1024
#define MAX_VERSION_PART 9999

/* --- writing --- */

static json_object *
set_to_json(GHashTable *set)
{
    g_autofree const char **names = (const char **)g_hash_table_get_keys_as_array(set, NULL);

    return qmp_json_strv_new(names);
}

static json_object *
machines_to_json(const GPtrArray *machines)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < machines->len; i++) {
        const QmpMachine *machine = g_ptr_array_index(machines, i);
        json_object *row = json_object_new_object();

        qmp_json_add_string(row, "name", machine->name);
        qmp_json_add_string(row, "alias", machine->alias);
        qmp_json_add_string(row, "default_ram_id", machine->default_ram_id);
        qmp_json_add_string(row, "default_cpu_type", machine->default_cpu_type);
        qmp_json_add_bool(row, "is_default", machine->is_default);
        qmp_json_add_bool(row, "deprecated", machine->deprecated);
        qmp_json_add_int64(row, "cpu_max", machine->cpu_max);
        json_object_array_add(list, row);
    }
    return list;
}

static json_object *
files_to_json(const GPtrArray *files)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < files->len; i++) {
        const QemuFileStamp *stamp = g_ptr_array_index(files, i);
        json_object *row = json_object_new_object();

        qmp_json_add_string(row, "path", stamp->path);
        qmp_json_add_uint64(row, "device", stamp->device);
        qmp_json_add_uint64(row, "inode", stamp->inode);
        qmp_json_add_uint64(row, "size_bytes", stamp->size_bytes);
        qmp_json_add_int64(row, "mtime_ns", stamp->mtime_ns);
        qmp_json_add_int64(row, "ctime_ns", stamp->ctime_ns);
        json_object_array_add(list, row);
    }
    return list;
}

json_object *
qemu_binary_to_json(const QemuBinary *binary, const GPtrArray *files)
{
    json_object *json = json_object_new_object(), *version = json_object_new_object();

    qmp_json_add_int64(json, "format", FORMAT);
    qmp_json_add_string(json, "moult", MOULT_VERSION);
    qmp_json_add_string(json, "path", binary->path);
    qmp_json_add_value(json, "files", files_to_json(files));
    qmp_json_add_int64(version, "major", binary->version.major);
    qmp_json_add_int64(version, "minor", binary->version.minor);
    qmp_json_add_int64(version, "micro", binary->version.micro);
    qmp_json_add_value(json, "version", version);
    qmp_json_add_string(json, "package", binary->package);
    qmp_json_add_string(json, "target", binary->target);
    qmp_json_add_value(json, "machines", machines_to_json(binary->machines));
    qmp_json_add_value(json, "device_types", set_to_json(binary->device_types));
    qmp_json_add_value(json, "object_types", set_to_json(binary->object_types));
    qmp_json_add_value(json, "migrate_capabilities", set_to_json(binary->migrate_capabilities));
    return json;
}

/* --- reading --- */

static const char *
get_name(json_object *object, const char *key)
{
    const char *name = qmp_json_get_string(object, key);

    return name && qmp_text_is_plain(name, MAX_NAME_BYTES) ? name : NULL;
}

/* TRUE also when there is no such member; FALSE when it is no name. */
static bool
dup_optional_name(json_object *object, const char *key, char **ret_name)
{
    *ret_name = g_strdup(get_name(object, key));
    return *ret_name || !json_object_object_get_ex(object, key, NULL);
}

static json_object *
get_list(json_object *object, const char *key)
{
    json_object *list = qmp_json_get_array(object, key);

    return list && json_object_array_length(list) <= MAX_LIST ? list : NULL;
}

static GHashTable *
set_from_json(json_object *json, const char *key)
{
    json_object *list = get_list(json, key);
    g_autoptr(GHashTable) set = NULL;

    if (!list)
        return NULL;
    set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *name = qmp_json_as_string(json_object_array_get_idx(list, i));

        if (!name || !qmp_text_is_plain(name, MAX_NAME_BYTES))
            return NULL;
        g_hash_table_add(set, g_strdup(name));
    }
    return g_steal_pointer(&set);
}

static QmpMachine *
machine_from_json(json_object *row)
{
    QmpMachine *machine = g_new0(QmpMachine, 1);

    machine->name = g_strdup(get_name(row, "name"));
    if (machine->name && dup_optional_name(row, "alias", &machine->alias) &&
        dup_optional_name(row, "default_ram_id", &machine->default_ram_id) &&
        dup_optional_name(row, "default_cpu_type", &machine->default_cpu_type) &&
        qmp_json_get_bool(row, "is_default", &machine->is_default) &&
        qmp_json_get_bool(row, "deprecated", &machine->deprecated) &&
        qmp_json_get_int64(row, "cpu_max", &machine->cpu_max))
        return machine;
    qmp_machine_free(machine);
    return NULL;
}

static GPtrArray *
machines_from_json(json_object *json)
{
    json_object *list = get_list(json, "machines");
    g_autoptr(GPtrArray) machines = NULL;

    if (!list)
        return NULL;
    machines = g_ptr_array_new_with_free_func((GDestroyNotify)qmp_machine_free);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        QmpMachine *machine = machine_from_json(json_object_array_get_idx(list, i));

        if (!machine)
            return NULL;
        g_ptr_array_add(machines, machine);
    }
    return g_steal_pointer(&machines);
}

static QemuFileStamp *
stamp_from_json(json_object *row)
{
    const char *path = qmp_json_get_string(row, "path");
    guint64 device, inode, size_bytes;
    gint64 mtime_ns, ctime_ns;

    if (!path || path[0] != '/' || !qmp_json_get_uint64(row, "device", &device) ||
        !qmp_json_get_uint64(row, "inode", &inode) || !qmp_json_get_uint64(row, "size_bytes", &size_bytes) ||
        !qmp_json_get_int64(row, "mtime_ns", &mtime_ns) || !qmp_json_get_int64(row, "ctime_ns", &ctime_ns))
        return NULL;

    QemuFileStamp *stamp = g_new0(QemuFileStamp, 1);
    stamp->path = g_strdup(path);
    stamp->device = device;
    stamp->inode = inode;
    stamp->size_bytes = size_bytes;
    stamp->mtime_ns = mtime_ns;
    stamp->ctime_ns = ctime_ns;
    return stamp;
}

/* The file at PATH comes first, and at least one that was executed follows. */
static GPtrArray *
files_from_json(json_object *json, const char *path)
{
    json_object *list = get_list(json, "files");
    g_autoptr(GPtrArray) files = NULL;

    if (!list || json_object_array_length(list) < 2)
        return NULL;
    files = qemu_file_stamps_new();
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        QemuFileStamp *stamp = stamp_from_json(json_object_array_get_idx(list, i));

        if (!stamp)
            return NULL;
        g_ptr_array_add(files, stamp);
        if (i == 0 && strcmp(stamp->path, path) != 0)
            return NULL;
    }
    return g_steal_pointer(&files);
}

static bool
get_version_part(json_object *version, const char *key, int *ret_part)
{
    gint64 part;

    if (!qmp_json_get_int64(version, key, &part) || part < 0 || part > MAX_VERSION_PART)
        return false;
    *ret_part = (int)part;
    return true;
}

static bool
version_from_json(json_object *json, QemuBinary *binary)
{
    json_object *object = qmp_json_get_object(json, "version");
    QemuVersion *version = &binary->version;

    if (!object || !get_version_part(object, "major", &version->major) ||
        !get_version_part(object, "minor", &version->minor) ||
        !get_version_part(object, "micro", &version->micro))
        return false;
    binary->version_text = g_strdup_printf("%d.%d.%d", version->major, version->minor, version->micro);
    return true;
}

/* Whether it is of this form, of this moult, about this path. */
static bool
is_about(json_object *json, const char *path)
{
    gint64 format;

    return qmp_json_get_int64(json, "format", &format) && format == FORMAT &&
           g_strcmp0(qmp_json_get_string(json, "moult"), MOULT_VERSION) == 0 &&
           g_strcmp0(qmp_json_get_string(json, "path"), path) == 0;
}

QemuBinary *
qemu_binary_from_json(json_object *json, const char *path, GPtrArray **ret_files)
{
    g_autoptr(QemuBinary) binary = qemu_binary_new();
    g_autoptr(GPtrArray) files = NULL;

    if (!is_about(json, path) || !(files = files_from_json(json, path)) || !version_from_json(json, binary))
        return NULL;
    binary->package = g_strdup(get_name(json, "package"));
    binary->target = g_strdup(get_name(json, "target"));
    binary->machines = machines_from_json(json);
    binary->device_types = set_from_json(json, "device_types");
    binary->object_types = set_from_json(json, "object_types");
    binary->migrate_capabilities = set_from_json(json, "migrate_capabilities");
    if (!binary->package || !binary->target || !binary->machines || !binary->device_types ||
        !binary->object_types || !binary->migrate_capabilities)
        return NULL;

    const QemuFileStamp *stamp = g_ptr_array_index(files, 0);
    binary->path = g_strdup(path);
    binary->device = stamp->device;
    binary->inode = stamp->inode;
    binary->size_bytes = stamp->size_bytes;
    binary->mtime_ns = stamp->mtime_ns;
    *ret_files = g_steal_pointer(&files);
    return g_steal_pointer(&binary);
}
