/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The phase table. A new step is one row here and one function in the file of its phase; the journal, the plan,
 * recovery and the crash tests know it from then on.
 *
 * Order that must not change: the record of a thing is written before the thing is made (the driver does that
 * before it calls run); the target is registered before it is started; the unit's main process
 * moves before the source is ended; names move only after the source is reaped, and a
 * target that has not started is started only then.
 */
#include "upgrade/phase.h"

#include <string.h>

static const char *const phase_names[] = {
    [UPGRADE_PHASE_BEGIN] = "begin",     [UPGRADE_PHASE_PREPARE] = "prepare", [UPGRADE_PHASE_PERFORM] = "perform",
    [UPGRADE_PHASE_FINISH] = "finish",   [UPGRADE_PHASE_CONFIRM] = "confirm", [UPGRADE_PHASE_ABORT] = "abort",
};

const char *
upgrade_phase_to_string(UpgradePhase phase)
{
    return phase_names[phase];
}

bool
upgrade_phase_from_string(const char *text, UpgradePhase *ret_phase)
{
    for (gsize i = 0; i < G_N_ELEMENTS(phase_names); i++) {
        if (g_strcmp0(text, phase_names[i]) == 0) {
            *ret_phase = (UpgradePhase)i;
            return true;
        }
    }
    return false;
}

const UpgradeStep upgrade_steps[] = {
    {UPGRADE_PHASE_BEGIN, "begin.preflight", "check the running guest against the target binary", begin_preflight, NULL},
    {UPGRADE_PHASE_BEGIN, "begin.plan", "number the new instance and make its command line", begin_plan, NULL},

    {UPGRADE_PHASE_PREPARE, "prepare.unit", "have the guest's unit listen to all of its processes", prepare_unit,
     prepare_unit_undo},
    {UPGRADE_PHASE_PREPARE, "prepare.handover", "get hold of the sockets and devices that are handed over",
     prepare_handover, prepare_handover_undo},
    {UPGRADE_PHASE_PREPARE, "prepare.paths", "create the new instance's folder", prepare_paths, prepare_spawn_undo},
    {UPGRADE_PHASE_PREPARE, "prepare.memory", "get hold of the guest's memory files", prepare_memory, NULL},
    {UPGRADE_PHASE_PREPARE, "prepare.register", "put the target into the remote tables", prepare_register,
     prepare_register_undo},
    {UPGRADE_PHASE_PREPARE, "prepare.start", "start the new QEMU", prepare_start, NULL},
    {UPGRADE_PHASE_PREPARE, "prepare.connect", "connect its monitor", prepare_connect, NULL},
    {UPGRADE_PHASE_PREPARE, "prepare.compare", "compare it with the running one", prepare_compare, NULL},
    {UPGRADE_PHASE_PREPARE, "prepare.threads", "place and prioritise its vCPUs and iothreads", prepare_threads, NULL, true},

    {UPGRADE_PHASE_PERFORM, "perform.capabilities", "set migration capabilities and parameters", perform_capabilities,
     perform_capabilities_undo},
    {UPGRADE_PHASE_PERFORM, "perform.listen", "let the target listen for the state", perform_listen,
     perform_listen_undo},
    {UPGRADE_PHASE_PERFORM, "perform.stop", "stop the guest, where its method or its network must", perform_stop, perform_stop_undo},
    {UPGRADE_PHASE_PERFORM, UPGRADE_STEP_MIGRATE, "let the source hand over", perform_migrate, perform_migrate_undo},
    {UPGRADE_PHASE_PERFORM, "perform.complete", "wait until the source has handed over", perform_complete, NULL, false,
     true},

    {UPGRADE_PHASE_FINISH, UPGRADE_STEP_PROVE, "prove that the target runs the guest", finish_prove, NULL},

    {UPGRADE_PHASE_CONFIRM, "confirm.pidfile", "write the new pid into the guest's pidfile", confirm_pidfile,
     confirm_pidfile_undo, true},
    {UPGRADE_PHASE_CONFIRM, UPGRADE_STEP_UNIT, "make the new QEMU the main process of the guest's unit", confirm_unit,
     confirm_unit_undo},
    {UPGRADE_PHASE_CONFIRM, "confirm.retire", "end the old QEMU", confirm_retire, NULL},
    {UPGRADE_PHASE_CONFIRM, "confirm.start", "start the guest, should it not have started by itself", confirm_start, NULL},
    {UPGRADE_PHASE_CONFIRM, "confirm.queues", "let TAP devices use all their queues", confirm_queues, NULL, true},
    {UPGRADE_PHASE_CONFIRM, "confirm.reopen", "open the ports that the old QEMU held", confirm_reopen, NULL, true},
    {UPGRADE_PHASE_CONFIRM, "confirm.names", "move the stable names to the new instance", confirm_names, NULL, true},
    {UPGRADE_PHASE_CONFIRM, "confirm.record", "write the new instance's record", confirm_record, NULL, true},
    {UPGRADE_PHASE_CONFIRM, "confirm.promote", "move the target into the primary tables", confirm_promote, NULL, true},
    {UPGRADE_PHASE_CONFIRM, "confirm.settle", "clear the migration capabilities", confirm_settle, NULL, true},
    {UPGRADE_PHASE_CONFIRM, "confirm.unit-close", "let the guest's unit be as it was", confirm_unit_close, NULL, true},
    {UPGRADE_PHASE_CONFIRM, "confirm.clean", "remove what was the old instance's", confirm_clean, NULL, true},
    {0},
};

int
upgrade_step_find(const char *name)
{
    for (int i = 0; upgrade_steps[i].name; i++)
        if (g_strcmp0(upgrade_steps[i].name, name) == 0)
            return i;
    return -1;
}
