/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that was plugged and unplugged since the start: the backends, for the devices they are plugged by (pc-dimm, nvdimm,
 * virtio-mem-pci) are devices like any other. What the definition names must be what the record says; everything else is
 * read back of the running QEMU, at every upgrade anew: what an earlier one carried too.
 */
#include "guest/explain-private.h"

#include <string.h>

#include "process/proc.h"
#include "qmp/commands.h"
#include "qmp/json.h"

#define MAX_BACKENDS 256

typedef struct {
    Explanation *explanation;
    GPtrArray *maps;     /* ProcessMapping */
    GPtrArray *devices;  /* QmpMemoryDevice */
    const char *main_id; /* backend of the machine's own memory; NULL: each node has one of its own */
} Memory;

/*
 * What may be said of a backend, and the value that need not be. Not prealloc: the pages are there, and a target would be
 * told not to. The name of its block is always said: what ours replaces may have another than is usual for a file.
 */
static const struct {
    const char *name;
    const char *usual; /* JSON; NULL: always said */
} settings[] = {
    {"share", NULL},         {"mem-path", NULL},        {"merge", NULL},
    {"dump", NULL},          {"policy", "\"default\""}, {"host-nodes", "[]"},
    {"reserve", "true"},     {"align", "0"},            {"offset", "0"},
    {"pmem", "false"},       {"hugetlb", "false"},      {"hugetlbsize", "0"},
    {"discard-data", "false"}, {"x-use-canonical-path-for-ramblock-id", NULL},
};

/* ---- Reading one back ---- */

/* What is usual need not be said. */
static bool
is_usual(json_object *value, const char *usual)
{
    return usual && strcmp(qmp_json_to_text(value, NULL), usual) == 0;
}

/* FALSE with an error when the monitor fails; a setting that the type does not have is left out. */
static bool
read_settings(const Memory *memory, const char *path, json_object *described, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(json_object) value = qmp_qom_get(memory->explanation->instance->monitor, path, settings[i].name,
                                                   memory->explanation->wait, &local);
        if (!value && !g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE) &&
            !g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
        if (value && !is_usual(value, settings[i].usual))
            qmp_json_add_value(described, settings[i].name, g_steal_pointer(&value));
    }
    return true;
}

static json_object *
describe(const Memory *memory, const QmpMemdev *memdev, const char *path, const char *type, GError **error)
{
    g_autoptr(json_object) described = json_object_new_object();

    qmp_json_add_string(described, "qom-type", type);
    qmp_json_add_string(described, "id", memdev->id);
    qmp_json_add_uint64(described, "size", memdev->size_bytes);
    return read_settings(memory, path, described, error) ? g_steal_pointer(&described) : NULL;
}

/* ---- One that was plugged ---- */

/* What the backend at PATH is plugged as; NULL: it is not. Borrowed. */
static const char *
find_device(const Memory *memory, const char *path)
{
    for (guint i = 0; i < memory->devices->len; i++) {
        const QmpMemoryDevice *device = g_ptr_array_index(memory->devices, i);
        if (g_strcmp0(device->memdev, path) == 0)
            return device->type;
    }
    return NULL;
}

/* Only of these it is known that they can be made anew, and that QEMU hands their memory over. */
static bool
can_be_carried(const Memory *memory, const char *path, const char *type)
{
    static const char *const types[] = {"ram", "file", "memfd", "shm", NULL};
    static const char *const devices[] = {"dimm", "nvdimm", "virtio-mem", NULL};
    const char *device = find_device(memory, path);
    g_autoptr(json_object) readonly = qmp_qom_get(memory->explanation->instance->monitor, path, "readonly",
                                                  memory->explanation->wait, NULL);

    return g_str_has_prefix(type, EXPLAIN_MEMORY) && g_strv_contains(types, type + strlen(EXPLAIN_MEMORY)) &&
           (!device || g_strv_contains(devices, device)) && !json_object_get_boolean(readonly);
}

static void
carry(Memory *memory, const QmpMemdev *memdev, const char *path, const char *type)
{
    Explanation *explanation = memory->explanation;
    g_autoptr(GError) error = NULL;
    json_object *described = describe(memory, memdev, path, type, &error);
    bool is_shared = false, is_huge = false;

    if (!described) {
        explain_unanswered(explanation, "memory that was plugged", error);
        return;
    }
    qmp_json_get_bool(described, "share", &is_shared);
    qmp_json_get_bool(described, "hugetlb", &is_huge);
    g_ptr_array_add(explanation->memory,
                    explain_memory_kind(explanation->instance, memory->maps, memdev->id, memdev->size_bytes, type,
                                        is_shared && !is_huge, qmp_json_get_string(described, "mem-path")));
    explain_append(explanation, "object", described);
    explain_carried(explanation, "memory-plugged", "memory that was plugged since the guest's start is carried along:",
                    memdev->id);
}

static void
look_at_plugged(Memory *memory, const QmpMemdev *memdev)
{
    Explanation *explanation = memory->explanation;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strconcat(QMP_QOM_OBJECTS "/", memdev->id, NULL);
    g_autofree char *type =
        qmp_qom_get_string(explanation->instance->monitor, path, "type", explanation->wait, &error);
    QemuArg *replaced = explain_find(explanation, "object", memdev->id);

    if (!type) {
        explain_unanswered(explanation, "memory that was plugged", error);
        return;
    }
    if (replaced && strcmp(type, EXPLAIN_MEMORY "epc") == 0)
        return; /* of the definition, but on no record: the rules refuse it */
    if (!can_be_carried(memory, path, type) || g_strcmp0(memdev->id, memory->main_id) == 0) {
        explain_block(explanation, "memory-plugged", "memory was plugged or changed since the guest's start:", memdev->id);
        return;
    }
    if (replaced) /* another of the same name */
        qemu_argv_remove(explanation->argv, replaced);
    carry(memory, memdev, path, type);
}

/* ---- All of them ---- */

/* That of the record, when MEMDEV is of the definition, and still what it was. */
static const QemuMemoryBackend *
find_recorded(const Memory *memory, const QmpMemdev *memdev)
{
    const QemuMemoryBackend *recorded = qemu_memory_find(memory->explanation->instance->memory, memdev->id);

    if (!recorded || recorded->size_bytes != memdev->size_bytes)
        return NULL;
    if (g_strcmp0(memdev->id, memory->main_id) != 0 && !explain_find(memory->explanation, "object", memdev->id))
        return NULL;
    bool is_there = recorded->kind == QEMU_MEMORY_PRIVATE || recorded->inode == 0 ||
                    process_mappings_sum_shared(memory->maps, recorded->device, recorded->inode) >= recorded->size_bytes;
    return is_there ? recorded : NULL;
}

static void
look_at_all(Memory *memory, const GPtrArray *memdevs)
{
    for (guint i = 0; i < memdevs->len; i++) {
        const QmpMemdev *memdev = g_ptr_array_index(memdevs, i);
        const QemuMemoryBackend *recorded = find_recorded(memory, memdev);
        if (recorded)
            g_ptr_array_add(memory->explanation->memory, qemu_memory_backend_copy(recorded));
        else if (memdev->id)
            look_at_plugged(memory, memdev);
        else
            explain_block(memory->explanation, "memory-plugged", "memory was plugged since the guest's start:",
                          "without an id");
    }
}

static bool
is_there(const GPtrArray *memdevs, const char *id)
{
    for (guint i = 0; i < memdevs->len; i++)
        if (g_strcmp0(((const QmpMemdev *)g_ptr_array_index(memdevs, i))->id, id) == 0)
            return true;
    return false;
}

static void
look_for_unplugged(Explanation *explanation, const GPtrArray *memdevs)
{
    for (guint i = explanation->argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *type = qemu_arg_is(arg, "object") ? qemu_keyval_get(arg->settings, "qom-type") : NULL;
        g_autofree char *id = type ? g_strdup(qemu_keyval_get(arg->settings, "id")) : NULL;
        if (!id || !g_str_has_prefix(type, EXPLAIN_MEMORY) || is_there(memdevs, id))
            continue;
        explain_carried(explanation, "memory-unplugged",
                        "memory that was unplugged since the guest's start is left out:", id);
        qemu_argv_remove(explanation->argv, arg);
    }
}

/* "/objects/pc.ram"; before QEMU 7.0 "pc.ram". NULL: it has none, or the machine is older than that setting. Owned. */
static char *
dup_main_id(const Explanation *explanation)
{
    g_autofree char *path =
        qmp_qom_get_string(explanation->instance->monitor, "/machine", "memory-backend", explanation->wait, NULL);

    return path && *path ? g_path_get_basename(path) : NULL;
}

void
explain_memory(Explanation *explanation)
{
    const GuestInstance *instance = explanation->instance;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) memdevs = qmp_query_memdev(instance->monitor, explanation->wait, &error);
    g_autoptr(GPtrArray) devices =
        memdevs ? qmp_query_memory_devices(instance->monitor, explanation->wait, &error) : NULL;
    g_autoptr(GPtrArray) maps = devices ? process_proc_read_maps(instance->process.pid, &error) : NULL;

    if (!maps) {
        explain_unanswered(explanation, "memory", error);
        return;
    }
    g_autofree char *main_id = dup_main_id(explanation);
    Memory memory = {.explanation = explanation, .maps = maps, .devices = devices, .main_id = main_id};

    if (memdevs->len > MAX_BACKENDS) {
        explain_block(explanation, "memory-plugged", "the guest has more memory backends than can be looked at:", "many");
        return;
    }
    look_for_unplugged(explanation, memdevs);
    look_at_all(&memory, memdevs);
}
