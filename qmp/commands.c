/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Run state, machine, memory and CPUs: qapi/run-state.json, misc.json, machine.json, control.json. */
#include "qmp/commands.h"

#include <string.h>

#include "qmp/json.h"
#include "qmp/shape.h"

#define HUMAN_OUTPUT_MAX_BYTES ((gsize)64 << 10)
#define UTF8_MAX_BYTES 4

void
qmp_status_clear(QmpStatus *status)
{
    g_clear_pointer(&status->status, g_free);
    status->running = false;
}

bool
qmp_query_status(QmpClient *client, const QmpWait *wait, QmpStatus *ret_status, GError **error)
{
    g_autoptr(json_object) reply = qmp_shape_call_object(client, "query-status", NULL, wait, error);
    bool running;

    if (!reply)
        return false;
    const char *status = qmp_shape_get_name(reply, "status");
    if (!status || !qmp_json_get_bool(reply, "running", &running))
        return qmp_shape_fail("query-status", "status", error);
    *ret_status = (QmpStatus){.status = g_strdup(status), .running = running};
    return true;
}

bool
qmp_stop(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call(client, "stop", NULL, wait, error);
}

bool
qmp_cont(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call(client, "cont", NULL, wait, error);
}

bool
qmp_quit(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call(client, "quit", NULL, wait, error);
}

bool
qmp_system_powerdown(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call(client, "system_powerdown", NULL, wait, error);
}

void
qmp_machine_free(QmpMachine *machine)
{
    if (!machine)
        return;
    g_free(machine->name);
    g_free(machine->alias);
    g_free(machine->default_ram_id);
    g_free(machine->default_cpu_type);
    g_free(machine);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpMachine, qmp_machine_free)

static gpointer
machine_from_json(json_object *element)
{
    g_autoptr(QmpMachine) machine = g_new0(QmpMachine, 1);

    machine->name = g_strdup(qmp_shape_get_name(element, "name"));
    if (!machine->name || !qmp_json_get_int64(element, "cpu-max", &machine->cpu_max) ||
        !qmp_shape_dup_optional_name(element, "alias", &machine->alias) ||
        !qmp_shape_dup_optional_name(element, "default-ram-id", &machine->default_ram_id) ||
        !qmp_shape_dup_optional_name(element, "default-cpu-type", &machine->default_cpu_type))
        return NULL;
    machine->is_default = qmp_shape_get_flag(element, "is-default");
    machine->deprecated = qmp_shape_get_flag(element, "deprecated");
    return g_steal_pointer(&machine);
}

GPtrArray *
qmp_query_machines(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call_list(client, "query-machines", NULL, machine_from_json,
                               (GDestroyNotify)qmp_machine_free, wait, error);
}

void
qmp_memdev_free(QmpMemdev *memdev)
{
    if (!memdev)
        return;
    g_free(memdev->id);
    g_free(memdev);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpMemdev, qmp_memdev_free)

static gpointer
memdev_from_json(json_object *element)
{
    g_autoptr(QmpMemdev) memdev = g_new0(QmpMemdev, 1);

    if (!qmp_shape_dup_optional_name(element, "id", &memdev->id) ||
        !qmp_json_get_uint64(element, "size", &memdev->size_bytes))
        return NULL;
    memdev->share = qmp_shape_get_flag(element, "share");
    return g_steal_pointer(&memdev);
}

GPtrArray *
qmp_query_memdev(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call_list(client, "query-memdev", NULL, memdev_from_json,
                               (GDestroyNotify)qmp_memdev_free, wait, error);
}

void
qmp_memory_device_free(QmpMemoryDevice *device)
{
    if (!device)
        return;
    g_free(device->type);
    g_free(device->memdev);
    g_clear_pointer(&device->data, json_object_put);
    g_free(device);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpMemoryDevice, qmp_memory_device_free)

static gpointer
memory_device_from_json(json_object *element)
{
    g_autoptr(QmpMemoryDevice) device = g_new0(QmpMemoryDevice, 1);
    json_object *data = qmp_json_get_object(element, "data");

    device->type = g_strdup(qmp_shape_get_name(element, "type"));
    if (!device->type || !qmp_shape_dup_optional_name(data, "memdev", &device->memdev))
        return NULL;
    device->data = json_object_get(data);
    return g_steal_pointer(&device);
}

GPtrArray *
qmp_query_memory_devices(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call_list(client, "query-memory-devices", NULL, memory_device_from_json,
                               (GDestroyNotify)qmp_memory_device_free, wait, error);
}

bool
qmp_query_kvm(QmpClient *client, const QmpWait *wait, bool *ret_enabled, GError **error)
{
    static const char command[] = "query-kvm";
    g_autoptr(json_object) reply = qmp_shape_call_object(client, command, NULL, wait, error);

    if (!reply)
        return false;
    return qmp_json_get_bool(reply, "enabled", ret_enabled) || qmp_shape_fail(command, "enabled", error);
}

void
qmp_cpu_free(QmpCpu *cpu)
{
    if (!cpu)
        return;
    g_free(cpu->qom_path);
    g_free(cpu);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpCpu, qmp_cpu_free)

static bool
get_thread_id(json_object *element, pid_t *ret_thread_id)
{
    gint64 thread_id = 0;

    if (!qmp_json_get_int64(element, "thread-id", &thread_id) || thread_id <= 0 || thread_id > G_MAXINT)
        return false;
    *ret_thread_id = (pid_t)thread_id;
    return true;
}

static gpointer
cpu_from_json(json_object *element)
{
    g_autoptr(QmpCpu) cpu = g_new0(QmpCpu, 1);

    cpu->qom_path = g_strdup(qmp_shape_get_name(element, "qom-path"));
    if (!cpu->qom_path || !qmp_json_get_int64(element, "cpu-index", &cpu->index) || !get_thread_id(element, &cpu->thread_id))
        return NULL;
    return g_steal_pointer(&cpu);
}

GPtrArray *
qmp_query_cpus_fast(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call_list(client, "query-cpus-fast", NULL, cpu_from_json, (GDestroyNotify)qmp_cpu_free,
                               wait, error);
}

void
qmp_iothread_free(QmpIothread *iothread)
{
    if (!iothread)
        return;
    g_free(iothread->id);
    g_free(iothread);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpIothread, qmp_iothread_free)

static gpointer
iothread_from_json(json_object *element)
{
    g_autoptr(QmpIothread) iothread = g_new0(QmpIothread, 1);

    iothread->id = g_strdup(qmp_shape_get_name(element, "id"));
    if (!iothread->id || !get_thread_id(element, &iothread->thread_id))
        return NULL;
    return g_steal_pointer(&iothread);
}

GPtrArray *
qmp_query_iothreads(QmpClient *client, const QmpWait *wait, GError **error)
{
    return qmp_shape_call_list(client, "query-iothreads", NULL, iothread_from_json, (GDestroyNotify)qmp_iothread_free, wait,
                               error);
}

bool
qmp_getfd(QmpClient *client, const char *name, int fd, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "fdname", name);
    if (qmp_client_wait_ready(client, wait, error) && qmp_client_send_fd(client, fd, error))
        return qmp_client_call(client, "getfd", arguments, wait, NULL, error);
    json_object_put(arguments);
    return false;
}

bool
qmp_closefd(QmpClient *client, const char *name, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();

    qmp_json_add_string(arguments, "fdname", name);
    return qmp_client_call(client, "closefd", arguments, wait, NULL, error);
}

char *
qmp_human_monitor_command(QmpClient *client, const char *command_line, const QmpWait *wait, GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(json_object) reply = NULL;

    qmp_json_add_string(arguments, "command-line", command_line);
    if (!qmp_client_call(client, "human-monitor-command", arguments, wait, &reply, error))
        return NULL;
    const char *output = qmp_json_as_string(reply);
    if (!output) {
        qmp_shape_fail("human-monitor-command", "text", error);
        return NULL;
    }
    if (strlen(output) <= HUMAN_OUTPUT_MAX_BYTES)
        return g_strdup(output);
    const char *end = g_utf8_find_prev_char(output, output + HUMAN_OUTPUT_MAX_BYTES + 1);
    return g_strndup(output, (gsize)(end - output));
}

/* It is cut before a character that would not fit as a whole. */
bool
qmp_human_output_is_whole(const char *output)
{
    return strlen(output) <= HUMAN_OUTPUT_MAX_BYTES - UTF8_MAX_BYTES;
}
