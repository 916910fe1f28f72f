/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor is asked once, for what the command line cannot tell: the machine type behind an alias, the sizes and ids
 * of the memory, what was plugged and changed since the start. Memory that is not a named file of the operator's,
 * shared, counts as private: to copy it is always right, whatever it is.
 */
#include "guest/adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/compare.h"
#include "guest/error.h"
#include "guest/explain.h"
#include "guest/inspect.h"
#include "guest/monitor.h"
#include "guest/probe.h"
#include "guest/spawn.h"
#include "guest/surroundings.h"
#include "guest/unit.h"
#include "qemu/plan.h"
#include "qmp/commands.h"

/* A QEMU that runs greets at once; one whose monitor somebody holds does not greet at all. */
#define GREETING_TIMEOUT_MS 2000
#define ANSWER_TIMEOUT_MS 10000
#define MACHINE_SUFFIX "-machine"

/*
 * Whoever has to wait behind another client hears nothing, and cannot even connect behind a few who wait: a QEMU that nobody holds has room
 * for the next one, unless it does not run.
 */
static bool
is_busy(const GError *error)
{
    return g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY) ||
           g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT);
}

static void
set_busy(GError **error, const char *path, const GError *reason)
{
    guest_error_set(error, GUEST_ERROR_REFUSED, "monitor-busy",
                    "end the connection of whoever holds it, or give the QEMU a second QMP monitor at its next start", "%s: %s", path,
                    reason->message);
}

bool
guest_adopt_find_listener(const char *path, pid_t *ret_pid, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(QmpClient) client = qmp_client_connect(path, path, &local);
    struct ucred peer = {0};
    socklen_t size = sizeof peer;

    if (!client && is_busy(local)) {
        set_busy(error, path, local);
        return false;
    }
    if (!client) {
        g_propagate_error(error, g_steal_pointer(&local));
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "monitor-unreachable", "name the QMP socket of a running QEMU", NULL);
        return false;
    }
    if (getsockopt(qmp_client_get_fd(client), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0) {
        guest_error_set(error, GUEST_ERROR_REFUSED, "monitor-foreign", "name its process with --pid",
                        "who listens at %s cannot be told", path);
        return false;
    }
    *ret_pid = peer.pid;
    return true;
}

static bool
is_trusted(const struct stat *status)
{
    bool by_others = (status->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !(S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX));

    return (status->st_uid == 0 || status->st_uid == geteuid()) && !by_others;
}

bool
guest_adopt_check_binary(const char *path, GError **error)
{
    g_autofree char *real = realpath(path, NULL);
    struct stat status;

    if (!real || stat(real, &status) < 0) {
        guest_error_set(error, GUEST_ERROR_REFUSED, "binary-missing", "name another QEMU with --to", "%s: %s", path,
                        g_strerror(errno));
        return false;
    }
    for (g_autofree char *part = g_strdup(real);;) {
        if (stat(part, &status) < 0 || !is_trusted(&status)) {
            guest_error_set(error, GUEST_ERROR_REFUSED, "binary-untrusted",
                            "use a QEMU that root has installed",
                            "%s may be changed by users other than the engine's, who would then be running it", part);
            return false;
        }
        if (strcmp(part, "/") == 0 || strcmp(part, ".") == 0)
            return true;
        char *parent = g_path_get_dirname(part);
        g_free(part);
        part = parent;
    }
}

static void
take_memory(GuestInstance *instance, const GPtrArray *planned)
{
    g_ptr_array_set_size(instance->memory, 0);
    for (guint i = 0; i < planned->len; i++) {
        const QemuMemoryBackend *backend = g_ptr_array_index(planned, i);
        bool is_named = backend->kind == QEMU_MEMORY_FILE;
        g_ptr_array_add(instance->memory,
                        is_named ? qemu_memory_backend_copy(backend)
                                 : qemu_memory_backend_new(backend->id, QEMU_MEMORY_PRIVATE, backend->size_bytes));
    }
}

bool
guest_adopt_guess(const GuestEnvironment *environment, GuestInstance *instance, const QemuBinary *binary, GError **error)
{
    g_autoptr(QemuPlan) plan =
        guest_spawn_plan(environment, instance->definition, binary, NULL, 0, NULL, error);

    if (!plan)
        return false;
    g_free(instance->machine_type);
    instance->machine_type = g_strdup(plan->machine_type);
    take_memory(instance, plan->memory);
    return true;
}

/* ---- The monitor ---- */

static QmpClient *
try_monitor(const GuestInstance *instance, const char *path, const QmpWait *wait, GError **error)
{
    QmpWait limit = qmp_wait_within(wait, GREETING_TIMEOUT_MS);
    g_autoptr(GError) local = NULL;
    g_autoptr(QmpClient) client = guest_monitor_connect_to(instance, path, &local);

    if (client && qmp_client_wait_ready(client, &limit, &local))
        return g_steal_pointer(&client);
    if (is_busy(local)) {
        set_busy(error, path, local);
    } else if (!client) {
        g_propagate_error(error, g_steal_pointer(&local));
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "monitor-unreachable", "name its QMP socket with --qmp", path);
    } else { /* one who hears something else is at no QMP monitor */
        guest_error_set(error, GUEST_ERROR_REFUSED, "monitor-broken", "name the QEMU's QMP socket, where this is none", "%s: %s", path,
                        local->message);
    }
    return NULL;
}

static bool
open_monitor(GuestInstance *instance, const char *given, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) paths = guest_adopt_find_monitors(instance, error);

    if (!paths)
        return false;
    if (given) {
        g_ptr_array_set_size(paths, 0);
        g_ptr_array_add(paths, g_strdup(given));
    }
    if (paths->len == 0)
        guest_error_set(error, GUEST_ERROR_REFUSED, "monitor-missing",
                        "start it with -qmp unix:PATH,server=on,wait=off, or with moult run",
                        "the QEMU has no QMP monitor on a UNIX socket");
    for (guint i = 0; i < paths->len; i++) {
        g_clear_error(error);
        instance->monitor = try_monitor(instance, g_ptr_array_index(paths, i), wait, error);
        if (!instance->monitor)
            continue;
        g_clear_error(error);
        instance->monitor_path = g_strdup(g_ptr_array_index(paths, i));
        return true;
    }
    return false;
}

static bool
unanswered(GError **error)
{
    guest_error_wrap(error, GUEST_ERROR_REFUSED, "monitor-broken", "try again", "the QEMU's monitor");
    return false;
}

static bool
read_machine(GuestInstance *instance, const QmpWait *wait, GError **error)
{
    g_autofree char *type = qmp_qom_get_string(instance->monitor, "/machine", "type", wait, error);
    int major = 0, minor = 0, micro = 0;

    if (!type)
        return unanswered(error);
    if (g_str_has_suffix(type, MACHINE_SUFFIX))
        type[strlen(type) - strlen(MACHINE_SUFFIX)] = '\0';
    g_free(instance->machine_type);
    instance->machine_type = g_steal_pointer(&type);
    if (qmp_client_get_version(instance->monitor, &major, &minor, &micro)) {
        g_free(instance->binary.version);
        instance->binary.version = g_strdup_printf("%d.%d.%d", major, minor, micro);
        g_free(instance->binary.package);
        instance->binary.package = g_strdup(qmp_client_get_package(instance->monitor));
    }
    return true;
}

static bool
refuse_blocked(const GPtrArray *findings, GError **error)
{
    const QemuFinding *block = qemu_findings_get_block(findings);

    if (block)
        guest_error_set(error, GUEST_ERROR_REFUSED, block->code, block->hint, "%s", block->reason);
    return !block;
}

static bool
ask(const GuestEnvironment *environment, GuestInstance *instance, const QemuBinary *binary, const QmpWait *wait,
    bool *ret_running, GError **error)
{
    QmpWait limit = qmp_wait_within(wait, ANSWER_TIMEOUT_MS);
    g_autoptr(GPtrArray) findings = qemu_findings_new();

    guest_inspect_state(instance, &limit, ret_running, findings);
    g_autoptr(GuestPresent) present = guest_explain(environment, instance, binary, &limit, findings);
    if (!read_machine(instance, &limit, error) || !refuse_blocked(findings, error))
        return false;
    guest_adopt_take_memfds(instance);
    return guest_verify_memory_maps(instance, error);
}

static bool
check_outside(const GuestEnvironment *environment, const GuestInstance *instance, GError **error)
{
    g_autoptr(GPtrArray) findings = qemu_findings_new();
    g_autoptr(GuestUnit) unit = guest_unit_look(instance, findings);

    guest_surroundings_look(instance, environment->dirs->runtime, NULL, findings);
    return refuse_blocked(findings, error);
}

bool
guest_adopt(const GuestEnvironment *environment, GuestForeign *foreign, const char *monitor_path, const QmpWait *wait,
            bool *ret_running, GError **error)
{
    GuestInstance *instance = foreign->instance;
    const char *reason = NULL, *hint = NULL;
    const char *code = guest_owner_get_refusal(&foreign->owner, &reason, &hint);

    if (code) {
        guest_error_set(error, GUEST_ERROR_REFUSED, code, hint, "%s", reason);
        return false;
    }
    if (!check_outside(environment, instance, error))
        return false;
    if (instance->pidfd < 0) {
        guest_error_set(error, GUEST_ERROR_REFUSED, "process-gone", NULL, "process %d has ended", instance->process.pid);
        return false;
    }
    if (!guest_adopt_check_binary(instance->binary.path, error) ||
        !open_monitor(instance, monitor_path, wait, error))
        return false;
    g_autoptr(QemuBinary) binary = guest_probe_binary(environment, instance->binary.path, wait, error);
    bool adopted = binary && guest_adopt_guess(environment, instance, binary, error) &&
                   ask(environment, instance, binary, wait, ret_running, error);
    guest_monitor_give_back(instance);
    return adopted;
}
