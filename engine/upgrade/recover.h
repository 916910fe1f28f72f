/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What to do about an upgrade that did not go to its end: one pure function from the record and from what the two
 * QEMUs say. It serves a failed job and a restarted engine alike, and is tested over its whole cross product.
 * docs/recovery.rst holds the table.
 */
#pragma once

#include <stdbool.h>

#include "upgrade/record.h"

/* How far the record says it had come. */
typedef enum {
    RECOVER_STAGE_BEFORE,    /* `migrate` has not been issued: the target cannot hold anything */
    RECOVER_STAGE_MIGRATING, /* it has, or may have been */
    RECOVER_STAGE_PROVED,    /* the target was proved to hold the guest */
    RECOVER_N_STAGES
} RecoverStage;

typedef enum {
    RECOVER_SOURCE_GONE,
    RECOVER_SOURCE_MUTE,    /* alive, does not answer */
    RECOVER_SOURCE_HOLDS,   /* it runs the guest, or the guest is paused in it, and no migration is under way */
    RECOVER_SOURCE_RESUMED, /* the same after a migration that has failed: QEMU itself has given it the guest back */
    RECOVER_SOURCE_HANDING, /* a migration is under way */
    RECOVER_SOURCE_HANDED,  /* migration completed: postmigrate, stopped */
    RECOVER_N_SOURCES
} RecoverSource;

typedef enum {
    RECOVER_TARGET_GONE, /* or never started */
    RECOVER_TARGET_MUTE,
    RECOVER_TARGET_WAITING, /* waits for the state, or is loading it: it cannot have run */
    RECOVER_TARGET_LOADED,  /* has the whole state and stands still */
    RECOVER_TARGET_RUNS,
    RECOVER_N_TARGETS
} RecoverTarget;

typedef struct {
    RecoverSource source;
    RecoverTarget target;
    UpgradeRan target_ran; /* up to this observation */
    bool expects_run;      /* the target starts by itself once it has the state: the guest ran, and was to go on running */
    bool waited;           /* this was seen again after a bounded wait: waiting once more would not help */
} RecoverObserved;

typedef enum {
    RECOVER_ROLL_BACK,     /* kill the target, then let the source have the guest back */
    RECOVER_ROLL_FORWARD,  /* the target has the guest: Confirm */
    RECOVER_WAIT,          /* it is still moving by itself: look again after a bounded wait */
    RECOVER_ENDED,         /* the guest has ended with its QEMU: remove what is left */
    RECOVER_NEEDS_OPERATOR /* leave both as they are */
} RecoverAction;
const char *recover_action_to_string(RecoverAction action);
const char *recover_stage_to_string(RecoverStage stage);
const char *recover_source_to_string(RecoverSource source);
const char *recover_target_to_string(RecoverTarget target);

/*
 * What an operator can choose where the decision is NEEDS_OPERATOR. Whichever QEMU is not kept is killed and reaped first, so
 * that no choice lets two run.
 */
typedef enum { RECOVER_KEEP_SOURCE, RECOVER_KEEP_TARGET, RECOVER_N_KEEPS } RecoverKeep;
const char *recover_keep_to_string(RecoverKeep keep); /* "source", "target" */
bool recover_keep_from_string(const char *text, RecoverKeep *ret_keep);
/* Why KEEP is not to be had, one sentence, static; NULL when it is. */
const char *recover_refuse_choice(RecoverStage stage, const RecoverObserved *observed, RecoverKeep keep);
/* What KEEP does and what it costs, one sentence, static; whether it is refused or not. */
const char *recover_describe_choice(RecoverStage stage, const RecoverObserved *observed, RecoverKeep keep);

/* By itself: nobody need give it back. */
bool recover_source_has_guest(RecoverSource source);
RecoverStage recover_stage_of(const UpgradeRecord *record);
RecoverAction recover_decide(RecoverStage stage, const RecoverObserved *observed);
/* One sentence on why; static. */
const char *recover_explain(RecoverStage stage, const RecoverObserved *observed);
