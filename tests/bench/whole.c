/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways that move the whole memory. The live copy has QEMU's own settings (among them at most 128 MiB a second, and
 * 300 ms of downtime to aim at). A guest that is saved is stopped first and written as fast as it goes, as host managers
 * do it.
 */
#include "bare.h"

#include <gio/gio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qmp/commands.h"
#include "qmp/json.h"

#define COMMAND_TIMEOUT_MS 60000
#define MOVE_TIMEOUT_MS 600000
#define UNLIMITED_BYTES_PER_S (G_GINT64_CONSTANT(1) << 40)

/* Memory for a target, and the target on it. */
typedef struct Other {
    int ram_fd;
    Vm *vm;
} Other;

static void
other_clear(Other *other)
{
    vm_free(other->vm);
    if (other->ram_fd >= 0)
        close(other->ram_fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Other, other_clear)

static bool
other_start(Other *other, Bare *bare, Watch *watch, GError **error)
{
    other->ram_fd = vm_memory_new((uint64_t)bare->ram_mib << 20, error);
    if (other->ram_fd < 0)
        return false;
    other->vm = bare_start_target(bare, other->ram_fd, error);
    if (!other->vm)
        return false;
    bare->peer = sampler_open_peer(bare->sampler, other->vm->pid, error);
    if (!bare->peer)
        return false;
    watch_add(watch, bare->peer);
    return true;
}

static void
other_take(Other *other, Bare *bare)
{
    bare_switch_memory(bare, g_steal_pointer(&other->vm), other->ram_fd);
    other->ram_fd = -1;
}

/* What an earlier move by floor.c has left on: with it, neither way would take the memory along. */
static bool
clear_capabilities(Vm *source, const QmpWait *wait, GError **error)
{
    const char *const capabilities[] = {"x-ignore-shared", "return-path", NULL};

    return qmp_migrate_set_capabilities(source->client, capabilities, false, wait, error);
}

bool
whole_move_copy(Bare *bare, Watch *watch, Move *ret_move, GError **error)
{
    QmpWait wait = qmp_wait_from_now(COMMAND_TIMEOUT_MS, -1);
    g_auto(Other) other = {.ram_fd = -1};

    ret_move->command_us = g_get_real_time();
    if (!clear_capabilities(bare->vm, &wait, error) || !other_start(&other, bare, watch, error))
        return false;
    g_autofree char *uri = g_strdup_printf("unix:%s/migrate.sock", other.vm->folder);
    if (!qmp_migrate_incoming(other.vm->client, uri, &wait, error) ||
        !qmp_migrate(bare->vm->client, uri, &wait, error) ||
        !bare_wait_event(bare->vm, "STOP", MOVE_TIMEOUT_MS, &ret_move->stop_us, error) ||
        !bare_wait_event(other.vm, "RESUME", COMMAND_TIMEOUT_MS, &ret_move->resume_us, error))
        return false;
    other_take(&other, bare);
    ret_move->end_us = g_get_real_time();
    return true;
}

/* QEMU 8.2 and later write files themselves. */
static char *
file_uri(Vm *vm, const char *path, bool is_saving)
{
    int major = 0, minor = 0;

    qmp_client_get_version(vm->client, &major, &minor, NULL);
    if (major > 8 || (major == 8 && minor >= 2))
        return g_strdup_printf("file:%s", path);
    return g_strdup_printf("exec:cat %c '%s'", is_saving ? '>' : '<', path);
}

/* Until the source says that all is written. */
static bool
wait_saved(Vm *vm, GError **error)
{
    QmpWait wait = qmp_wait_from_now(MOVE_TIMEOUT_MS, -1);
    g_autoptr(QmpEvent) event = NULL;

    while ((event = qmp_client_wait_event(vm->client, "MIGRATION", &wait, error))) {
        const char *status = qmp_json_get_string(event->data, "status");
        if (g_strcmp0(status, "completed") == 0)
            return true;
        if (g_strcmp0(status, "failed") == 0) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "saving failed");
            return false;
        }
        g_clear_pointer(&event, qmp_event_free);
    }
    return false;
}

static bool
save(Vm *vm, const char *path, gint64 *ret_stop_us, GError **error)
{
    const char *const capabilities[] = {"events", NULL};
    QmpWait wait = qmp_wait_from_now(COMMAND_TIMEOUT_MS, -1);
    json_object *parameters = json_object_new_object();
    g_autofree char *uri = file_uri(vm, path, true);

    qmp_json_add_int64(parameters, "max-bandwidth", UNLIMITED_BYTES_PER_S);
    return qmp_client_call(vm->client, "migrate-set-parameters", parameters, &wait, NULL, error) &&
           qmp_migrate_set_capabilities(vm->client, capabilities, true, &wait, error) &&
           qmp_stop(vm->client, &wait, error) &&
           bare_wait_event(vm, "STOP", COMMAND_TIMEOUT_MS, ret_stop_us, error) &&
           qmp_migrate(vm->client, uri, &wait, error) && wait_saved(vm, error);
}

static bool
restore(Vm *vm, const char *path, gint64 *ret_resume_us, GError **error)
{
    QmpWait wait = qmp_wait_from_now(COMMAND_TIMEOUT_MS, -1);
    g_autofree char *uri = file_uri(vm, path, false);

    /* Saved while stopped, it comes back paused. */
    return qmp_migrate_incoming(vm->client, uri, &wait, error) && wait_saved(vm, error) &&
           qmp_cont(vm->client, &wait, error) &&
           bare_wait_event(vm, "RESUME", MOVE_TIMEOUT_MS, ret_resume_us, error);
}

/* The old process goes before the new one comes: nobody would save to a file with memory for two. */
static bool
move_file(Bare *bare, Watch *watch, const char *path, Move *ret_move, GError **error)
{
    const char *const capabilities[] = {"events", NULL};
    QmpWait wait = qmp_wait_from_now(MOVE_TIMEOUT_MS, -1);
    g_auto(Other) other = {.ram_fd = -1};
    struct stat status;

    ret_move->command_us = g_get_real_time();
    if (!clear_capabilities(bare->vm, &wait, error) || !save(bare->vm, path, &ret_move->stop_us, error) || stat(path, &status) < 0)
        return false;
    ret_move->file_bytes = (uint64_t)status.st_size;
    g_clear_pointer(&bare->vm, vm_free);
    if (!other_start(&other, bare, watch, error) ||
        !qmp_migrate_set_capabilities(other.vm->client, capabilities, true, &wait, error) ||
        !restore(other.vm, path, &ret_move->resume_us, error))
        return false;
    other_take(&other, bare);
    ret_move->end_us = g_get_real_time();
    return true;
}

bool
whole_move_file(Bare *bare, Watch *watch, Move *ret_move, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/saved.%d", bare->folder, (int)getpid());
    bool ok = move_file(bare, watch, path, ret_move, error);

    unlink(path);
    return ok;
}
