/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confirm, on the source: the old process goes, then its names. Every step is idempotent, for recovery runs them all
 * again. From confirm.names on none touches the guest, so a failure is a warning and the next step goes on.
 */
#include "guest/deferred.h"
#include "guest/error.h"
#include "guest/hold.h"
#include "guest/log.h"
#include "guest/pidfile.h"
#include "guest/questions.h"
#include "qmp/commands.h"
#include "upgrade/cookie.h"
#include "upgrade/events.h"
#include "upgrade/kill.h"
#include "upgrade/phase.h"
#include "upgrade/taps.h"
#include "upgrade/timeouts.h"

/* Before the old QEMU goes: whoever waits for its end (systemd, Type=forking) then reads the new pid. */
bool
confirm_pidfile(Upgrade *upgrade, GError **error)
{
    const GuestInstance *target = upgrade_get_target(upgrade);

    return guest_pidfile_write(target->pidfile, target->process.pid, error) &&
           (!upgrade->unit || guest_unit_write_pidfile(upgrade->unit, upgrade->old_pid, target->process.pid, error));
}

/* The target had the guest, never ran it and has ended: the source has it again, and the name. */
bool
confirm_pidfile_undo(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    const GuestInstance *target = upgrade_get_target(upgrade);

    if (guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return true;
    /* The record of one that was adopted does not name the pidfile, for it is QEMU's own. */
    return guest_pidfile_write(target ? target->pidfile : source->pidfile, source->process.pid, error) &&
           (!upgrade->unit || !target ||
            guest_unit_write_pidfile(upgrade->unit, target->process.pid, source->process.pid, error));
}

/* SIGKILL, not `quit`: an orderly exit would unlink sockets by name and may punch the memory file out. */
bool
confirm_retire(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    GuestInstance *target = upgrade_get_target(upgrade);
    g_autoptr(GError) local = NULL;

    upgrade_events_collect(upgrade);
    if (guest_has_ended(target, upgrade_get_target_paths(upgrade))) {
        guest_error_set(error, GUEST_ERROR_FAILED, "target-ended", NULL, "the new QEMU has ended");
        return false; /* if it never ran, the source can have the guest back */
    }
    if (!guest_has_ended(source, upgrade_get_source_paths(upgrade)) &&
        !upgrade_kill(source, 0, &upgrade->source_end, &local)) {
        upgrade->is_resisted = true;
        guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "source-unkillable",
                        "see its process state; it may hang in the kernel", "the old QEMU does not die: %s", local->message);
        return false;
    }
    g_clear_pointer(&source->monitor, qmp_client_free);
    upgrade_cookie_confirm(upgrade);
    return true;
}

static bool
start(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpClient *monitor = upgrade_get_target(upgrade)->monitor;
    QmpStatus status = {0};

    if (!qmp_cont(monitor, wait, error) || !qmp_query_status(monitor, wait, &status, error))
        return false;
    bool is_running = status.running;
    qmp_status_clear(&status);
    if (is_running)
        return true;
    /* A QEMU 10.0 that could not take its disks takes `cont` for a wish it will never fulfil. */
    g_autofree char *words = guest_log_dup_last_words(upgrade_get_target(upgrade), upgrade_get_target_paths(upgrade));
    guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "target-not-running", "see moult show",
                    "the new QEMU has the whole state and does not start: %s", *words ? words : "it does not say why");
    return false;
}

/*
 * A target that was not seen to run although it should: its source is gone, so it is this one or none. One that ran and
 * stands still has been stopped by somebody, or by its disk: that is not ours to change.
 */
bool
confirm_start(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RUN_MS, -1);
    const GuestInstance *target = upgrade_get_target(upgrade);
    QmpStatus status = {0};

    if (!upgrade_wants_run(upgrade) || upgrade->record->target_ran == UPGRADE_RAN_YES)
        return true;
    if (!target->monitor) {
        guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "target-mute", "see moult show",
                        "whether the new QEMU runs the guest is not known");
        return false;
    }
    if (!qmp_query_status(target->monitor, &limit, &status, error))
        return false;
    bool stands = g_str_equal(status.status, "paused") || g_str_equal(status.status, "inmigrate");
    qmp_status_clear(&status);
    if (stands && !start(upgrade, &limit, error))
        return false;
    upgrade_events_collect(upgrade);
    upgrade->record->target_ran = UPGRADE_RAN_YES;
    return true;
}

/* Those of the old QEMU are gone. */
bool
confirm_queues(Upgrade *upgrade, GError **error)
{
    return upgrade_taps_spread(upgrade, error);
}

/* What the two could not hold at once: forwarded ports, VNC. */
bool
confirm_reopen(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_COMMAND_MS, -1);

    return guest_deferred_open(upgrade_get_target(upgrade), &limit, error);
}

bool
confirm_names(Upgrade *upgrade, GError **error)
{
    const GuestInstance *target = upgrade_get_target(upgrade);

    return paths_alias_set(upgrade->environment->dirs, target->definition->name, target->domain_id, error);
}

/* A guest that is defined keeps the binary it was moved to, for its next start too. */
static bool
move_definition(Upgrade *upgrade, const GuestInstance *target, GError **error)
{
    if (target->definition->transient)
        return true;
    return guest_definition_save(target->definition, upgrade->environment->dirs, error);
}

bool
confirm_record(Upgrade *upgrade, GError **error)
{
    GuestInstance *target = upgrade_get_target(upgrade);

    g_free(target->upgraded);
    target->upgraded = guest_instance_dup_now();
    g_free(target->method);
    target->method = g_strdup(upgrade->record->method);
    g_free(target->definition->binary);
    target->definition->binary = g_strdup(target->binary.path);
    return guest_instance_save(target, upgrade_get_target_paths(upgrade), error) &&
           move_definition(upgrade, target, error);
}

static bool
target_runs(Upgrade *upgrade)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    const GuestInstance *target = upgrade_get_target(upgrade);
    QmpStatus status = {0};

    if (!target->monitor || !qmp_query_status(target->monitor, &limit, &status, NULL))
        return upgrade_wants_run(upgrade);
    bool runs = status.running;
    qmp_status_clear(&status);
    return runs;
}

bool
confirm_promote(Upgrade *upgrade, GError **error G_GNUC_UNUSED)
{
    if (upgrade->spawn && upgrade->spawn->instance)
        objlist_domain_set_data(upgrade->target, g_steal_pointer(&upgrade->spawn->instance),
                                (GDestroyNotify)guest_instance_free);
    objlist_domain_set_state(upgrade->target, target_runs(upgrade) ? OBJLIST_DOMAIN_RUNNING : OBJLIST_DOMAIN_PAUSED);
    g_autoptr(ObjlistDomain) retired = objlist_tables_promote(upgrade->environment->tables, upgrade->target);

    return true;
}

/* One that does not answer (it was stopped, or its control group frozen) may do so later: node/supervise.c. */
static void
remember_capabilities(Upgrade *upgrade, char **names)
{
    GuestInstance *target = upgrade_get_target(upgrade);
    bool is_known = !names && !target->capabilities_left;

    g_strfreev(target->capabilities_left);
    target->capabilities_left = names;
    if (!is_known && !guest_instance_save(target, upgrade_get_target_paths(upgrade), NULL))
        g_debug("%s: the next engine will not know of them", objlist_domain_get_name(upgrade->source));
}

bool
confirm_settle(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_COMMAND_MS, -1);
    bool is_settled = upgrade_clear_capabilities(upgrade, upgrade_get_target(upgrade), &limit, error);

    remember_capabilities(upgrade, is_settled ? NULL : upgrade_cookie_dup_capabilities(upgrade));
    if (upgrade_get_target(upgrade)->monitor)
        guest_ask_for_constants(upgrade_get_target(upgrade)->monitor); /* the next upgrade need not wait for them */
    return is_settled;
}

bool
confirm_clean(Upgrade *upgrade, GError **error)
{
    const GuestInstance *source = upgrade_get_source(upgrade);

    if (source->hugetlbfs_dir && !paths_hugetlbfs_remove(source->hugetlbfs_dir, error))
        return false;
    return paths_instance_remove(objlist_domain_get_paths(upgrade->source), error);
}
