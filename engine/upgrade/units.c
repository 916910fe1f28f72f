/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps around the unit of a service manager that the guest's QEMU is the main process of. At every moment the unit's
 * main process is a QEMU that lives and has the guest, or may have it again: the source until the target is proved, the target
 * before the source is ended. An engine that dies in between leaves one or the other, and a drop-in that the
 * next one removes.
 */
#include "upgrade/units.h"

#include "guest/hold.h"
#include "guest/unit.h"
#include "qmp/json.h"
#include "upgrade/phase.h"

void
upgrade_unit_note(Upgrade *upgrade)
{
    if (upgrade->unit)
        json_object_object_add(upgrade->record->cookies, "unit", guest_unit_to_json(upgrade->unit));
}

void
upgrade_unit_restore(Upgrade *upgrade)
{
    upgrade->unit = guest_unit_from_json(qmp_json_get_object(upgrade->record->cookies, "unit"));
    if (upgrade->unit || !upgrade->record->is_guess)
        return;
    /* No record tells; the two QEMUs are in the same one. */
    g_autoptr(GPtrArray) findings = qemu_findings_new();
    upgrade->unit = guest_unit_look(upgrade_get_source(upgrade), findings);
    if (upgrade->unit)
        upgrade->unit->is_main = true; /* if it is not, there will be nothing to do */
}

static bool
concerns(const Upgrade *upgrade)
{
    return upgrade->unit && upgrade->unit->is_main;
}

bool
upgrade_unit_check_target(const Upgrade *upgrade, GError **error)
{
    return !concerns(upgrade) || guest_unit_check_member(upgrade->unit, upgrade_get_target(upgrade)->process.pid, error);
}

bool
prepare_unit(Upgrade *upgrade, GError **error)
{
    return !concerns(upgrade) || guest_unit_open(upgrade->unit, error);
}

bool
prepare_unit_undo(Upgrade *upgrade, GError **error)
{
    g_autoptr(GError) local = NULL;

    (void)error;
    if (concerns(upgrade) && !guest_unit_close(upgrade->unit, &local))
        upgrade_warn(upgrade, NULL, local); /* the guest is not held up for it */
    return true;
}

static bool
move(Upgrade *upgrade, const GuestInstance *from, const GuestInstance *to, GError **error)
{
    return guest_unit_move(upgrade->unit, upgrade->environment, from->process.pid, to->process.pid, error);
}

/*
 * Not optional: with the old one, systemd would end the new one. A source that has ended by itself was systemd's to
 * notice; there is nobody to wait with.
 */
bool
confirm_unit(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    const GuestInstance *target = upgrade_get_target(upgrade);
    g_autoptr(GError) local = NULL;

    if (!concerns(upgrade) || move(upgrade, source, target, &local))
        return true;
    if (guest_has_ended(source, upgrade_get_source_paths(upgrade))) {
        upgrade_warn(upgrade, NULL, local);
        return true;
    }
    g_propagate_error(error, g_steal_pointer(&local));
    return false;
}

/* The target has ended, or is about to: then it must not be the main process any more. */
bool
confirm_unit_undo(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    const GuestInstance *target = upgrade_get_target(upgrade);

    if (!concerns(upgrade) || !target || target->process.pid == 0 ||
        guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return true;
    return move(upgrade, target, source, error);
}

bool
confirm_unit_close(Upgrade *upgrade, GError **error)
{
    return !concerns(upgrade) || guest_unit_close(upgrade->unit, error);
}
