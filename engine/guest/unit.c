/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/unit.h"

#include <string.h>
#include <unistd.h>

#include "guest/error.h"
#include "paths/dropin.h"
#include "paths/file.h"
#include "qmp/json.h"
#include "unit/manager.h"
#include "unit/place.h"
#include "unit/tell.h"

#define ANSWER_TIMEOUT_MS 10000
#define RELOAD_TIMEOUT_MS 30000
#define PIDFILE_MAX_BYTES 64
#define PIDFILE_MODE 0644
#define SYSTEM "system"

static const char dropin[] = "# For the time of an upgrade: moultd tells systemd of the new main process.\n"
                             "[Service]\nNotifyAccess=all\n";

void
guest_unit_free(GuestUnit *unit)
{
    if (!unit)
        return;
    g_free(unit->id);
    g_free(unit->pidfile);
    g_free(unit);
}

/* ---- Looking ---- */

static GuestUnit *
unit_of(const UnitPlace *place, const UnitState *state, pid_t pid)
{
    GuestUnit *unit = g_new0(GuestUnit, 1);

    *unit = (GuestUnit){.manager = place->manager,
                        .id = g_strdup(state->id),
                        .pidfile = *state->pidfile ? g_strdup(state->pidfile) : NULL,
                        .is_main = state->main_pid == pid};
    return unit;
}

/* Of those that depend on how the main process ended: only its parent is told, and that will not be the manager. */
static void
judge_restart(const UnitState *state, GPtrArray *findings)
{
    static const char *const blind[] = {"on-failure", "on-abnormal", "on-abort", "on-success", NULL};

    if (g_strv_contains(blind, state->restart))
        qemu_findings_add(findings, QEMU_FINDING_WARN, "unit-restart", "use Restart=always or Restart=no, or take note",
                          "%s has Restart=%s, and a QEMU that the engine has started ends without telling systemd how: "
                          "as a success, it seems", state->id, state->restart);
}

static void
judge(const UnitState *state, pid_t pid, GPtrArray *findings)
{
    if (!g_str_equal(state->active_state, "active") && !g_str_equal(state->active_state, "reloading"))
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "unit-state", "see systemctl status; try again when it is active",
                          "%s is %s (%s)", state->id, state->active_state, state->sub_state);
    else if (state->main_pid == 0)
        qemu_findings_add(findings, QEMU_FINDING_OK, "unit-member", NULL,
                          "the QEMU is in %s, which has no main process: it does not matter to it", state->id);
    else if (state->main_pid != pid)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "unit-main-other",
                          "have the unit start QEMU itself (exec, in a script), or with moult run",
                          "the main process of %s is %d, which looks after this QEMU and would take its end for the guest's",
                          state->id, state->main_pid);
    else {
        qemu_findings_add(findings, QEMU_FINDING_OK, "unit-main", NULL,
                          "the QEMU is the main process of %s; systemd is told of the new one before the old one ends",
                          state->id);
        judge_restart(state, findings);
    }
}

/*
 * A process may be moved between two control groups by who may write to what both are below: root anywhere, a user only
 * below the user's own manager (Documentation/admin-guide/cgroup-v2.rst, "Delegation").
 */
static bool
may_enter(const UnitPlace *place)
{
    g_auto(UnitPlace) own = unit_place_find(getpid());

    return geteuid() == 0 || own.manager == place->manager;
}

GuestUnit *
guest_unit_look(const GuestInstance *instance, GPtrArray *findings)
{
    const pid_t pid = instance->process.pid;
    g_auto(UnitPlace) place = unit_place_find(pid);
    g_auto(UnitState) state = {0};
    g_autoptr(GError) error = NULL;

    if (!instance->adopted || !place.service)
        return NULL;
    g_autoptr(UnitManager) manager = unit_manager_new(place.manager, ANSWER_TIMEOUT_MS, &error);
    if (!manager || !unit_manager_read(manager, pid, &state, &error)) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "unit-manager",
                          "run the engine as root, or as the user whose manager it is, beside that manager",
                          "the QEMU belongs to %s, whose service manager cannot be asked: %s", place.service, error->message);
        return NULL;
    }
    if (!may_enter(&place)) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "unit-manager", "run the engine as a unit of that manager: systemd-run --user moultd",
                          "the QEMU belongs to %s, and an engine outside of its manager cannot start another one there", state.id);
        return NULL;
    }
    judge(&state, pid, findings);
    return unit_of(&place, &state, pid);
}

/* ---- Doing ---- */

static bool
fail(const GuestUnit *unit, const char *code, const char *hint, GError **error)
{
    guest_error_wrap(error, GUEST_ERROR_FAILED, code, hint, unit->id);
    return false;
}

static bool
reload(UnitManager *manager, const GuestUnit *unit, UnitState *ret_state, GError **error)
{
    return unit_manager_reload(manager, RELOAD_TIMEOUT_MS, error) && unit_manager_read_unit(manager, unit->id, ret_state, error);
}

/* STATE as it was read; read again where anything was done. */
static bool
open_ears(UnitManager *manager, const GuestUnit *unit, UnitState *state, GError **error)
{
    if (g_str_equal(state->notify_access, "all"))
        return true;
    g_autofree char *folder = unit_place_dup_unit_folder(unit->manager);
    if (!paths_dropin_write(folder, unit->id, dropin, error))
        return false;
    unit_state_clear(state);
    if (!reload(manager, unit, state, error))
        return false;
    if (g_str_equal(state->notify_access, "all"))
        return true;
    g_set_error(error, UNIT_ERROR, UNIT_ERROR_FAILED, "a drop-in below %s does not count for it", folder);
    return false;
}

bool
guest_unit_open(const GuestUnit *unit, GError **error)
{
    g_autoptr(UnitManager) manager = unit_manager_new(unit->manager, ANSWER_TIMEOUT_MS, error);
    g_auto(UnitState) state = {0};

    if (manager && unit_manager_read_unit(manager, unit->id, &state, error) && open_ears(manager, unit, &state, error))
        return true;
    return fail(unit, "unit-notify", "see the message; systemctl status may tell more", error);
}

bool
guest_unit_close(const GuestUnit *unit, GError **error)
{
    g_autofree char *folder = unit_place_dup_unit_folder(unit->manager);
    bool was_there = false;

    if (!paths_dropin_remove(folder, unit->id, &was_there, error))
        return fail(unit, "unit-notify", "remove the drop-in zzzz-moult.conf by hand", error);
    if (!was_there)
        return true;
    g_autoptr(UnitManager) manager = unit_manager_new(unit->manager, ANSWER_TIMEOUT_MS, error);
    if (manager && unit_manager_reload(manager, RELOAD_TIMEOUT_MS, error))
        return true;
    return fail(unit, "unit-notify", "systemctl daemon-reload, by hand", error);
}

bool
guest_unit_check_member(const GuestUnit *unit, pid_t pid, GError **error)
{
    g_autoptr(UnitManager) manager = unit_manager_new(unit->manager, ANSWER_TIMEOUT_MS, error);
    g_auto(UnitState) state = {0};

    if (manager && unit_manager_read(manager, pid, &state, error)) {
        if (g_str_equal(state.id, unit->id))
            return true;
        g_set_error(error, UNIT_ERROR, UNIT_ERROR_FAILED, "process %d is in %s", pid, state.id);
    }
    return fail(unit, "unit-foreign", "see its control groups: /proc/PID/cgroup", error);
}

static bool
set_other(const UnitState *state, GError **error)
{
    g_set_error(error, UNIT_ERROR, UNIT_ERROR_FAILED, "its main process is %d", state->main_pid);
    return false;
}

static bool
move(UnitManager *manager, const GuestUnit *unit, const GuestEnvironment *environment, pid_t from, pid_t to, GError **error)
{
    g_auto(UnitState) state = {0};

    if (!unit_manager_read_unit(manager, unit->id, &state, error))
        return false;
    if (state.main_pid == to || state.main_pid == 0)
        return true;
    if (state.main_pid != from)
        return set_other(&state, error);
    if (!open_ears(manager, unit, &state, error) ||
        !unit_tell_main_pid(environment->launcher, unit->manager, to, to, ANSWER_TIMEOUT_MS, error))
        return false;
    unit_state_clear(&state);
    return unit_manager_read_unit(manager, unit->id, &state, error) && (state.main_pid == to || set_other(&state, error));
}

bool
guest_unit_move(const GuestUnit *unit, const GuestEnvironment *environment, pid_t from, pid_t to, GError **error)
{
    g_autoptr(UnitManager) manager = unit_manager_new(unit->manager, ANSWER_TIMEOUT_MS, error);

    if (manager && move(manager, unit, environment, from, to, error))
        return true;
    return fail(unit, "unit-main-left", "see systemctl status; moult resolve tries again", error);
}

bool
guest_unit_write_pidfile(const GuestUnit *unit, pid_t from, pid_t to, GError **error)
{
    g_autofree char *text = unit->pidfile ? paths_file_read(unit->pidfile, PIDFILE_MAX_BYTES, NULL, NULL) : NULL;
    g_autofree char *number = g_strdup_printf("%d\n", to);
    gint64 pid = 0;

    if (!text || !g_ascii_string_to_signed(g_strchomp(text), 10, 1, G_MAXINT, &pid, NULL) || pid != from)
        return true;
    return paths_file_replace(unit->pidfile, number, strlen(number), PIDFILE_MODE, error) ||
           fail(unit, "pidfile", "put it into a folder of the engine's user, such as /run", error);
}

/* ---- On record ---- */

json_object *
guest_unit_to_json(const GuestUnit *unit)
{
    json_object *object = json_object_new_object();

    qmp_json_add_string(object, "id", unit->id);
    if (unit->manager == UNIT_SYSTEM_MANAGER)
        qmp_json_add_string(object, "manager", SYSTEM);
    else
        qmp_json_add_uint64(object, "manager", unit->manager);
    qmp_json_add_string(object, "pidfile", unit->pidfile);
    qmp_json_add_bool(object, "is_main", unit->is_main);
    return object;
}

GuestUnit *
guest_unit_from_json(json_object *object)
{
    const char *id = qmp_json_get_string(object, "id"), *pidfile = qmp_json_get_string(object, "pidfile");
    g_autoptr(GuestUnit) unit = g_new0(GuestUnit, 1);
    guint64 uid = 0;

    /* It names a folder. */
    if (!id || *id == '.' || strchr(id, '/') || !g_str_has_suffix(id, ".service") || (pidfile && *pidfile != '/'))
        return NULL;
    unit->manager = UNIT_SYSTEM_MANAGER;
    if (g_strcmp0(qmp_json_get_string(object, "manager"), SYSTEM) != 0) {
        if (!qmp_json_get_uint64(object, "manager", &uid) || uid >= UNIT_SYSTEM_MANAGER)
            return NULL;
        unit->manager = (uid_t)uid;
    }
    unit->id = g_strdup(id);
    unit->pidfile = g_strdup(pidfile);
    return qmp_json_get_bool(object, "is_main", &unit->is_main) ? g_steal_pointer(&unit) : NULL;
}
