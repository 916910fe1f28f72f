/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The phase table: every step of an upgrade, in order, with what does it, what takes it back and where the point of
 * no return lies. The driver, `--dry-run`, the journal, recovery and the crash tests all read this one table.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "upgrade/session.h"

typedef enum {
    UPGRADE_PHASE_BEGIN,
    UPGRADE_PHASE_PREPARE,
    UPGRADE_PHASE_PERFORM,
    UPGRADE_PHASE_FINISH,
    UPGRADE_PHASE_CONFIRM,
    UPGRADE_PHASE_ABORT /* not in the table: the way back */
} UpgradePhase;
const char *upgrade_phase_to_string(UpgradePhase phase);
bool upgrade_phase_from_string(const char *text, UpgradePhase *ret_phase);

typedef struct {
    UpgradePhase phase;
    const char *name; /* unique: "prepare.start" */
    const char *what; /* one line for --dry-run */
    /* Does it. Steps of Confirm are idempotent: recovery runs them again from the first. */
    bool (*run)(Upgrade *upgrade, GError **error);
    /* Takes back what run did, whether it had finished or not; NULL: nothing to take back. Idempotent. */
    bool (*undo)(Upgrade *upgrade, GError **error);
    bool is_optional; /* its failure is a warning: the guest is where it belongs without it */
    /* Where nothing of ours stands between STOP and RESUME, not even a note of it does: neither record nor progress. */
    bool is_quiet;
} UpgradeStep;

/* The table; ends with a step whose name is NULL. */
extern const UpgradeStep upgrade_steps[];

/* Index of the step called NAME, -1 when there is none. */
int upgrade_step_find(const char *name);
/* From this step on (its run has begun) the target may hold the guest: see recover.h. */
#define UPGRADE_STEP_MIGRATE "perform.migrate"
/* Once this step is done the target is proved: the source is only in the way. */
#define UPGRADE_STEP_PROVE "finish.prove"
/* Once this step has begun, the target may be its unit's main process: it must not end before that is taken back. */
#define UPGRADE_STEP_UNIT "confirm.unit"

/* The steps, one file a phase. */
bool begin_preflight(Upgrade *upgrade, GError **error);
bool begin_plan(Upgrade *upgrade, GError **error);

bool prepare_unit(Upgrade *upgrade, GError **error);
bool prepare_unit_undo(Upgrade *upgrade, GError **error);
bool prepare_paths(Upgrade *upgrade, GError **error);
bool prepare_memory(Upgrade *upgrade, GError **error);
bool prepare_handover(Upgrade *upgrade, GError **error);
bool prepare_handover_undo(Upgrade *upgrade, GError **error);
bool prepare_register(Upgrade *upgrade, GError **error);
bool prepare_register_undo(Upgrade *upgrade, GError **error);
bool prepare_start(Upgrade *upgrade, GError **error);
bool prepare_spawn_undo(Upgrade *upgrade, GError **error);
bool prepare_connect(Upgrade *upgrade, GError **error);
bool prepare_compare(Upgrade *upgrade, GError **error);
bool prepare_threads(Upgrade *upgrade, GError **error);

bool perform_capabilities(Upgrade *upgrade, GError **error);
bool perform_capabilities_undo(Upgrade *upgrade, GError **error);
bool perform_listen(Upgrade *upgrade, GError **error);
bool perform_listen_undo(Upgrade *upgrade, GError **error);
bool perform_stop(Upgrade *upgrade, GError **error);
bool perform_stop_undo(Upgrade *upgrade, GError **error);
bool perform_migrate(Upgrade *upgrade, GError **error);
bool perform_migrate_undo(Upgrade *upgrade, GError **error);
bool perform_complete(Upgrade *upgrade, GError **error);

bool finish_prove(Upgrade *upgrade, GError **error);

bool confirm_pidfile(Upgrade *upgrade, GError **error);
bool confirm_pidfile_undo(Upgrade *upgrade, GError **error);
bool confirm_unit(Upgrade *upgrade, GError **error);
bool confirm_unit_undo(Upgrade *upgrade, GError **error);
bool confirm_retire(Upgrade *upgrade, GError **error);
bool confirm_start(Upgrade *upgrade, GError **error);
bool confirm_queues(Upgrade *upgrade, GError **error);
bool confirm_reopen(Upgrade *upgrade, GError **error);
bool confirm_names(Upgrade *upgrade, GError **error);
bool confirm_record(Upgrade *upgrade, GError **error);
bool confirm_promote(Upgrade *upgrade, GError **error);
bool confirm_unit_close(Upgrade *upgrade, GError **error);
bool confirm_settle(Upgrade *upgrade, GError **error);
bool confirm_clean(Upgrade *upgrade, GError **error);
