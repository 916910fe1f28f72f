/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process is looked at in this order: what it executes, whose it is, what its command line says. The command line is
 * then put to the very rules that an upgrade would use, with the memory that it must have; what the monitor alone
 * could tell (hot-plugged devices, changed media, a monitor that somebody holds) shows at adoption.
 */
#include "guest/foreign.h"

#include <string.h>
#include <unistd.h>

#include "guest/adopt.h"
#include "guest/error.h"
#include "guest/probe.h"
#include "guest/program.h"
#include "guest/spawn.h"
#include "guest/surroundings.h"
#include "guest/unit.h"
#include "process/proc.h"
#include "qemu/argv.h"

#define MAX_NAME_BYTES 64

void
guest_foreign_free(GuestForeign *foreign)
{
    if (!foreign)
        return;
    guest_instance_free(foreign->instance);
    guest_owner_clear(&foreign->owner);
    g_free(foreign->code);
    g_free(foreign->reason);
    g_free(foreign->hint);
    g_free(foreign);
}

char *
guest_foreign_make_name(const char *text, pid_t pid)
{
    g_autofree char *name = g_strndup(text ? text : "", MAX_NAME_BYTES);

    g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-", '_');
    return paths_name_is_valid(name, NULL) ? g_steal_pointer(&name) : g_strdup_printf("qemu-%d", pid);
}

static char *
name_of(const QemuArgv *argv, const GuestOwner *owner, pid_t pid)
{
    const char *given = argv ? qemu_argv_get_merged(argv, "name", "guest") : NULL;
    g_autofree char *unit = NULL;

    if (!given && owner->unit) {
        unit = g_strdup(owner->unit);
        *strrchr(unit, '.') = '\0';
    }
    return guest_foreign_make_name(given ? given : unit, pid);
}

static void
refuse(GuestForeign *foreign, const char *code, const char *hint, const char *reason)
{
    foreign->code = g_strdup(code);
    foreign->hint = g_strdup(hint);
    foreign->reason = g_strdup(reason);
}

static void
refuse_error(GuestForeign *foreign, const GError *error)
{
    refuse(foreign, guest_error_get_code(error), guest_error_get_hint(error), error->message);
}

static GuestDefinition *
definition_of(pid_t pid, const char *name, const QemuArgv *argv, const GuestBinary *binary, char *const *words)
{
    const char *uuid = NULL;
    const QemuArg *given = argv ? qemu_argv_find(argv, "uuid") : NULL;
    g_autofree char *made = NULL, *lower = NULL;

    if (given && g_uuid_string_is_valid(given->value))
        uuid = lower = g_ascii_strdown(given->value, -1);
    else
        uuid = made = g_uuid_string_random();
    GuestDefinition *definition = guest_definition_new(name, uuid, binary->path);
    g_strfreev(definition->argv);
    definition->argv = g_strdupv((char **)words);
    char *cwd = process_proc_dup_cwd(pid, NULL);
    if (cwd) {
        g_free(definition->cwd);
        definition->cwd = cwd;
    }
    definition->environment = process_proc_dup_environ(pid, NULL);
    definition->transient = true;
    return definition;
}

GuestForeign *
guest_foreign_look(pid_t pid, GError **error)
{
    g_autoptr(GuestForeign) foreign = g_new0(GuestForeign, 1);
    guint n_skipped = 0;

    foreign->owner.kind = GUEST_OWNER_OTHER;
    foreign->instance = guest_instance_new();
    GuestInstance *instance = foreign->instance;
    /* Identity first: what is read afterwards is of this process, or the pidfd below is not to be had. */
    if (!process_identity_read(pid, &instance->process, error))
        return NULL;
    g_auto(GStrv) words = process_proc_dup_cmdline(pid, error);
    if (!words)
        return NULL;
    if (!guest_program_look(pid, (const char *const *)words, &instance->binary, &n_skipped)) {
        guest_error_set(error, GUEST_ERROR_REFUSED, "not-qemu", "moult list --all shows the QEMUs there are",
                        "process %d is no QEMU that runs a machine", pid);
        return NULL;
    }
    foreign->owner = guest_owner_find(pid, (const char *const *)words);
    char **arguments = words + MIN(n_skipped, g_strv_length(words));
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)arguments, NULL);
    g_autofree char *name = name_of(argv, &foreign->owner, pid);
    instance->definition = definition_of(pid, name, argv, &instance->binary, arguments);
    instance->command_line = g_strdupv(arguments);
    instance->adopted = true;
    instance->pidfd = process_identity_open(&instance->process, NULL);
    return g_steal_pointer(&foreign);
}

/* Owner, unit, confinement and monitor: what no command line could make good. */
static bool
check_outside(const GuestEnvironment *environment, GuestForeign *foreign)
{
    const char *reason = NULL, *hint = NULL;
    const char *code = guest_owner_get_refusal(&foreign->owner, &reason, &hint);
    g_autoptr(GError) error = NULL;

    if (code) {
        refuse(foreign, code, hint, reason);
        return false;
    }
    g_autoptr(GPtrArray) findings = qemu_findings_new();
    g_autoptr(GuestUnit) unit = guest_unit_look(foreign->instance, findings);
    guest_surroundings_look(foreign->instance, environment->dirs->runtime, NULL, findings);
    const QemuFinding *block = qemu_findings_get_block(findings);
    if (block) {
        refuse(foreign, block->code, block->hint, block->reason);
        return false;
    }
    g_autoptr(GPtrArray) monitors = guest_adopt_find_monitors(foreign->instance, &error);
    if (monitors && monitors->len > 0)
        return true;
    if (error)
        refuse_error(foreign, error);
    else
        refuse(foreign, "monitor-missing", "start it with -qmp unix:PATH,server=on,wait=off, or with moult run",
               "the QEMU has no QMP monitor on a UNIX socket");
    return false;
}

static void
judge(const GuestEnvironment *environment, GuestForeign *foreign, const QmpWait *wait)
{
    GuestInstance *instance = foreign->instance;
    g_autoptr(GError) error = NULL;

    if (!check_outside(environment, foreign))
        return;
    if (!guest_adopt_check_binary(instance->binary.path, &error)) {
        refuse_error(foreign, error);
        return;
    }
    g_autoptr(QemuBinary) binary = guest_probe_binary(environment, instance->binary.path, wait, &error);
    if (!binary || !guest_adopt_guess(environment, instance, binary, &error)) {
        refuse_error(foreign, error);
        return;
    }
    guest_adopt_take_memfds(instance);
    bool is_shared = guest_instance_is_shared(instance);
    const GuestSpawnOptions options = {.copies_memory = !is_shared, .is_unasked = true};
    g_autoptr(QemuPlan) plan =
        guest_spawn_plan(environment, instance->definition, binary, instance, 0, &options, &error);
    const QemuFinding *block = plan ? qemu_findings_get_block(plan->findings) : NULL;
    if (!plan)
        refuse_error(foreign, error);
    else if (block)
        refuse(foreign, block->code, block->hint, block->reason);
    else
        foreign->method = is_shared ? "shared" : "copy";
}

/* A child of ours that is no guest's: a binary that is being asked, or the target of an upgrade under way. */
static bool
is_helper(const GuestForeign *foreign)
{
    pid_t parent = 0;

    return process_proc_get_parent(foreign->instance->process.pid, &parent, NULL) && parent == getpid() &&
           (foreign->owner.kind == GUEST_OWNER_MOULT ||
            g_strv_contains((const char *const *)foreign->instance->command_line, "none"));
}

GPtrArray *
guest_foreign_list(const GuestEnvironment *environment, GHashTable *known, const QmpWait *wait, GError **error)
{
    g_autoptr(GArray) pids = process_proc_list_pids(error);
    if (!pids)
        return NULL;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)guest_foreign_free);
    for (guint i = 0; i < pids->len; i++) {
        pid_t pid = g_array_index(pids, pid_t, i);
        bool is_looked_at =
            process_proc_is_in_our_pid_namespace(pid) && !g_hash_table_contains(known, GINT_TO_POINTER(pid));
        g_autoptr(GuestForeign) foreign = is_looked_at ? guest_foreign_look(pid, NULL) : NULL;
        if (!foreign || is_helper(foreign))
            continue;
        judge(environment, foreign, wait);
        g_ptr_array_add(list, g_steal_pointer(&foreign));
    }
    return list;
}
