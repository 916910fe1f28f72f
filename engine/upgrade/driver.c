/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/driver.h"

#include "guest/error.h"
#include "upgrade/completion.h"
#include "upgrade/crash.h"
#include "upgrade/interrupt.h"
#include "upgrade/phase.h"

/* A deadline, a cancellation or the guest's end that came between two waits. Confirm knows none of them. */
static bool
check_wait(const Upgrade *upgrade, const UpgradeStep *step, GError **error)
{
    if (step->phase == UPGRADE_PHASE_CONFIRM || step->phase == UPGRADE_PHASE_FINISH)
        return true;
    if (upgrade_interrupt_has_come(upgrade->wait.cancel_fd)) {
        guest_error_set(error, GUEST_ERROR_CANCELLED, "cancelled", NULL, "cancelled before %s", step->name);
        return false;
    }
    if (g_get_monotonic_time() >= upgrade->wait.deadline_us) {
        guest_error_set(error, GUEST_ERROR_TIMED_OUT, "timeout", "give it longer: --timeout", "out of time before %s",
                        step->name);
        return false;
    }
    return true;
}

static bool
enter(Upgrade *upgrade, const UpgradeStep *step, GError **error)
{
    if (step->is_quiet && upgrade_asks_for_end(upgrade))
        return true;
    upgrade_tell(upgrade, upgrade_phase_to_string(step->phase), step->name, 0, 0);
    g_free(upgrade->record->step);
    upgrade->record->step = g_strdup(step->name);
    if (step->phase == UPGRADE_PHASE_BEGIN)
        return true; /* creates nothing */
    if (!upgrade_record_save(upgrade->record, upgrade->environment->dirs, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "journal", "make room in the runtime directory", "no journal record");
        return false;
    }
    upgrade->begun = true;
    return true;
}

static bool
run_step(Upgrade *upgrade, const UpgradeStep *step, GError **error)
{
    upgrade_crash_point(step->name, UPGRADE_CRASH_BEFORE);
    bool done = step->run(upgrade, error);
    upgrade_crash_point(step->name, UPGRADE_CRASH_AFTER);
    if (!done || !upgrade_crash_fails(step->name))
        return done;
    guest_error_set(error, GUEST_ERROR_FAILED, "crash-point", NULL, "%s was told to fail", step->name);
    return false;
}

bool
upgrade_drive(Upgrade *upgrade, int first, int *ret_failed, GError **error)
{
    for (int i = first; upgrade_steps[i].name; i++) {
        const UpgradeStep *step = &upgrade_steps[i];
        bool is_confirm = step->phase == UPGRADE_PHASE_CONFIRM;
        g_autoptr(GError) local = NULL;

        bool done = check_wait(upgrade, step, &local) && (enter(upgrade, step, &local) || is_confirm);
        if (done) {
            g_clear_error(&local); /* a full disk must not keep Confirm from its work */
            done = run_step(upgrade, step, &local);
        }
        if (done)
            continue;
        if (!step->is_optional) {
            *ret_failed = i;
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
        upgrade_warn(upgrade, step->name, local);
    }
    return true;
}

static bool
undo_step(Upgrade *upgrade, const UpgradeStep *step, GError **error)
{
    upgrade_tell(upgrade, upgrade_phase_to_string(UPGRADE_PHASE_ABORT), step->name, 0, 0);
    upgrade_crash_point(step->name, UPGRADE_CRASH_UNDO);
    bool done = step->undo(upgrade, error);
    upgrade_crash_point(step->name, UPGRADE_CRASH_UNDONE);
    return done;
}

bool
upgrade_drive_back(Upgrade *upgrade, int last, GError **error)
{
    g_autoptr(GError) first_error = NULL;

    for (int i = last; i >= 0; i--) {
        const UpgradeStep *step = &upgrade_steps[i];
        g_autoptr(GError) local = NULL;
        if (!step->undo || undo_step(upgrade, step, &local))
            continue;
        if (!first_error)
            first_error = g_steal_pointer(&local);
        /* Whose the guest is is not known, or the target cannot go without the source: it must stay as it is. */
        if (g_str_equal(step->name, UPGRADE_STEP_MIGRATE) || g_str_equal(step->name, UPGRADE_STEP_UNIT))
            break;
    }
    if (!first_error)
        return true;
    g_propagate_error(error, g_steal_pointer(&first_error));
    return false;
}
