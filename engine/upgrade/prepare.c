/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prepare, on the target: its folder, its hold on the guest's memory, its object in the remote tables, its process.
 * The source is only read. Undone by killing the target and removing what is keyed by its domain id.
 */
#include "guest/compare.h"
#include "guest/error.h"
#include "guest/questions.h"
#include "guest/threads.h"
#include "guest/throttle.h"
#include "upgrade/cookie.h"
#include "upgrade/listeners.h"
#include "upgrade/phase.h"
#include "upgrade/taps.h"
#include "upgrade/timeouts.h"
#include "upgrade/units.h"

bool
prepare_paths(Upgrade *upgrade, GError **error)
{
    return guest_spawn_create_paths(upgrade->spawn, error);
}

/* Folder, hugepage links and process go together: nothing of them is of use without the others. */
bool
prepare_spawn_undo(Upgrade *upgrade, GError **error)
{
    return !upgrade->spawn || guest_spawn_undo(upgrade->spawn, error);
}

bool
prepare_memory(Upgrade *upgrade, GError **error)
{
    return guest_spawn_fetch_memory(upgrade->spawn, upgrade_get_source(upgrade), upgrade->present, error) &&
           guest_spawn_listen(upgrade->spawn, error);
}

/* Only looked at before: from here on both QEMUs accept on one listening socket. */
bool
prepare_handover(Upgrade *upgrade, GError **error)
{
    if (!guest_spawn_fetch_handed(upgrade->spawn, upgrade_get_source(upgrade), error) || !upgrade_taps_note(upgrade, error))
        return false;
    upgrade_listeners_note(upgrade);
    return true;
}

/* Before anything of the target is made: undone when it is dead. */
bool
prepare_handover_undo(Upgrade *upgrade, GError **error)
{
    g_autoptr(GError) local = NULL, other = NULL;

    /* Its network limps, or nobody can look at it; the guest is not held up for it. */
    if (!upgrade_taps_restore(upgrade, &local))
        upgrade_warn(upgrade, NULL, local);
    if (!upgrade_listeners_restore(upgrade, &other))
        upgrade_warn(upgrade, NULL, other);
    (void)error;
    return true;
}

bool
prepare_register(Upgrade *upgrade, GError **error)
{
    g_autoptr(ObjlistDomain) target =
        objlist_domain_new(objlist_domain_get_name(upgrade->source), objlist_domain_get_uuid(upgrade->source),
                           upgrade->new_id, paths_instance_copy(upgrade->spawn->paths));

    objlist_domain_set_state(target, OBJLIST_DOMAIN_INCOMING);
    if (!objlist_domain_begin_job(target, "upgrade", 0, error) ||
        !objlist_tables_add_remote(upgrade->environment->tables, target, error)) {
        g_prefix_error(error, "the remote tables: "); /* two targets of one guest: its job lock forbids that */
        return false;
    }
    upgrade->target = g_steal_pointer(&target);
    return true;
}

bool
prepare_register_undo(Upgrade *upgrade, GError **error G_GNUC_UNUSED)
{
    if (upgrade->target)
        objlist_tables_remove_remote(upgrade->environment->tables, upgrade->target);
    return true;
}

bool
prepare_start(Upgrade *upgrade, GError **error)
{
    if (!upgrade_taps_keep(upgrade, error) || !guest_spawn_make_queues(upgrade->spawn, upgrade_get_source(upgrade), error) ||
        !upgrade_listeners_make_room(upgrade, error) || !guest_spawn_start(upgrade->spawn, error))
        return false;
    upgrade->record->target = upgrade->spawn->instance->process;
    upgrade->new_pid = upgrade->spawn->instance->process.pid;
    return true;
}

bool
prepare_connect(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_START_MS);

    upgrade->target_watched = guest_spawn_connect(upgrade->spawn, &limit, error);
    if (!upgrade->target_watched || !upgrade_listeners_give_back(upgrade, error))
        return false;
    /* Both answer at the same time. Not the source while the target comes up: that may take long, and be used to plug something. */
    guest_ask_for_comparison(upgrade_get_source(upgrade)->monitor, upgrade->spawn->instance->monitor);
    return upgrade_unit_check_target(upgrade, error);
}

bool
prepare_compare(Upgrade *upgrade, GError **error)
{
    const GuestInstance *source = upgrade_get_source(upgrade);
    const GuestInstance *target = upgrade_get_target(upgrade);
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    if (!guest_compare_machine(source, target, &limit, error) || !guest_compare_memory(source, target, &limit, error) ||
        !guest_compare_cpus(source, target, &limit, error) || !guest_compare_devices(source, target, &limit, error) ||
        !guest_compare_plugged(upgrade->present, source, target, &limit, error) ||
        !guest_throttle_carry(source, target, &limit, error))
        return false;
    upgrade_cookie_prepare(upgrade);
    return true;
}

bool
prepare_threads(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    return guest_threads_carry(upgrade_get_source(upgrade), upgrade_get_target(upgrade), &limit, error);
}
