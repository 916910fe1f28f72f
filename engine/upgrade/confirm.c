/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confirm, on the source: the old process goes, then its names. Every step is idempotent, for recovery runs them all
 * again; none touches the guest, so a failure is a warning and the next step goes on.
 */
#include "guest/error.h"
#include "guest/pidfile.h"
#include "upgrade/cookie.h"
#include "upgrade/events.h"
#include "upgrade/phase.h"
#include "upgrade/timeouts.h"

/* Before the old QEMU goes: whoever waits for its end (systemd, Type=forking) then reads the new pid. */
bool
confirm_pidfile(Upgrade *upgrade, GError **error)
{
    return guest_pidfile_write(upgrade_get_target(upgrade), error);
}

/* SIGKILL, not `quit`: an orderly exit would unlink sockets by name and may punch the memory file out. */
bool
confirm_retire(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);

    upgrade_events_collect(upgrade);
    if (source->pidfd >= 0 && !process_kill_and_reap(source->pidfd, UPGRADE_TIMEOUT_KILL_MS, NULL, error)) {
        guest_error_wrap(error, GUEST_ERROR_NEEDS_OPERATOR, "source-unkillable",
                         "see its process state; it may hang in the kernel", "the old QEMU does not die");
        return false;
    }
    g_clear_pointer(&source->monitor, qmp_client_free);
    upgrade_cookie_confirm(upgrade);
    return true;
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

bool
confirm_promote(Upgrade *upgrade, GError **error G_GNUC_UNUSED)
{
    if (upgrade->spawn && upgrade->spawn->instance)
        objlist_domain_set_data(upgrade->target, g_steal_pointer(&upgrade->spawn->instance),
                                (GDestroyNotify)guest_instance_free);
    objlist_domain_set_state(upgrade->target, upgrade->source_was_running && !upgrade->request.start_paused
                                                  ? OBJLIST_DOMAIN_RUNNING
                                                  : OBJLIST_DOMAIN_PAUSED);
    g_autoptr(ObjlistDomain) retired = objlist_tables_promote(upgrade->environment->tables, upgrade->target);

    return true;
}

bool
confirm_settle(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_COMMAND_MS, -1);

    return upgrade_set_capabilities(upgrade, upgrade_get_target(upgrade), false, &limit, error);
}

bool
confirm_clean(Upgrade *upgrade, GError **error)
{
    const GuestInstance *source = upgrade_get_source(upgrade);

    if (source->hugetlbfs_dir && !paths_hugetlbfs_remove(source->hugetlbfs_dir, error))
        return false;
    return paths_instance_remove(objlist_domain_get_paths(upgrade->source), error);
}
