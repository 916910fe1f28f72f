/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of an upgrade, shared by the phases, the driver and recovery. Not for the node.
 */
#pragma once

#include "guest/instance.h"
#include "guest/spawn.h"
#include "guest/unit.h"
#include "process/reserve.h"
#include "qmp/wait.h"
#include "upgrade/downtime.h"
#include "upgrade/method.h"
#include "upgrade/preflight.h"
#include "upgrade/record.h"
#include "upgrade/recover.h"
#include "upgrade/stall.h"
#include "upgrade/upgrade.h"

struct Upgrade {
    const GuestEnvironment *environment; /* borrowed */
    UpgradeRequest request;
    UpgradeProgressFunc progress;
    gpointer progress_data;
    QmpWait wait; /* bounds everything up to the point of no return */
    int interrupt_fd; /* what WAIT is ended by early, once the upgrade runs; -1: the caller's cancel descriptor alone */

    ObjlistDomain *source;
    ObjlistDomain *target;  /* NULL until it is registered */
    GuestSpawn *spawn;      /* the target while it is being made; its instance moves to `target` */
    QemuBinary *binary;     /* of the target */
    GHashTable *source_capabilities; /* set of the names that the source lists; NULL: not asked (recovery) */
    GuestUnit *unit;        /* that the guest runs in; NULL: none */
    GuestPresent *present;  /* what has changed in the guest since its start; NULL: nothing */
    const UpgradeMethod *method;
    GPtrArray *findings;    /* QemuFinding of the preflight */
    UpgradeRecord *record;  /* what is on disk */
    bool begun;             /* the record is on disk */

    bool source_was_running;
    bool stops_first;       /* the method stops the guest before `migrate`: we let the target run */
    bool source_stopped;    /* it has said STOP since `migrate`, or since we stopped it for that */
    bool source_went_on;    /* it has said RESUME after that */
    bool source_was_mute;   /* at the last look */
    bool is_held_back;      /* the source has been refused its disks for as long as we are patient */
    bool is_resisted;       /* a process has not died, or stopped, for as long as we are patient */
    bool target_loaded;     /* it has said that its migration is completed */
    bool target_connected;  /* somebody has begun to send it the state, as it said at the last look */
    bool target_was_late;   /* it was waited for after the source had handed over */
    bool target_was_let_run; /* by us, and did not: it is not to stand still, as it seems */
    bool target_watched;    /* its events have been read without a gap since before it could have run */
    RecoverObserved seen;   /* the last look at both */
    ProcessExit source_end, target_end; /* how each ended, as far as we were told */
    gint64 started_us;      /* monotonic */
    gint64 stopped_us;      /* monotonic: when the guest was stopped before `migrate`, where it is */
    UpgradeStall stall;     /* of its copy then */
    UpgradeTimes times;
    gint passed_no_return;  /* atomic */

    GuestBinary from, to;   /* for the result, whatever happens to the objects */
    guint64 old_id, new_id;
    pid_t old_pid, new_pid;

    UpgradeOutcome outcome;
    GError *error;          /* why it was not upgraded; NULL when it was */
    gint64 duration_us;
    GPtrArray *warnings;    /* char*: what failed on the way back, or behind the point of no return: upgrade_warn */
    ProcessReserve reserve; /* until the way back begins */
    int wakeful_fd;         /* keeps the node's processors awake: upgrade_let_sleep; -1: nothing does */
    char *trouble_code;     /* of the last of them; NULL: there is none */
    bool guest_ended;       /* there is no QEMU of the guest any more */
    json_object *evidence;  /* for NEEDS_OPERATOR; of the main loop once the upgrade is over */
    bool was_marked;        /* its record said so when it was restored */
    bool has_choice;        /* the operator has decided: see upgrade_resolve */
    RecoverKeep choice;
    struct GuestTapKeeper *tap_keeper; /* taps.h; NULL: there are none, or the target may have them */
};

/* What the preflight is asked; strings borrowed. */
UpgradePreflightRequest upgrade_get_preflight_request(const Upgrade *upgrade);

/* Switches the method's capabilities on, on both at the same time. */
bool upgrade_set_capabilities(Upgrade *upgrade, const QmpWait *wait, GError **error);
/* Switches them off, on one. */
bool upgrade_clear_capabilities(const Upgrade *upgrade, GuestInstance *instance, const QmpWait *wait, GError **error);

/* What either was asked ahead (guest/questions.h) is asked anew from here on. */
void upgrade_forget_answers(Upgrade *upgrade);

/* Tells whoever watches that STEP goes on; TOTAL_BYTES 0: nothing is counted. */
void upgrade_tell(Upgrade *upgrade, const char *phase, const char *step, gint64 copied_bytes, gint64 total_bytes);

/* The guest runs, or it is memory that is waited for: the node's processors may sleep again. */
void upgrade_let_sleep(Upgrade *upgrade);

/* Of the guest, with what was plugged. */
guint64 upgrade_get_memory_bytes(const Upgrade *upgrade);
/* What a copy of the guest's memory may take besides all else; 0 where none is made. */
gint64 upgrade_get_copy_ms(const Upgrade *upgrade);

/* ERROR, which is not what the upgrade ends with, goes among the warnings, with its code. WHAT was being done; NULL: the message says. */
void upgrade_warn(Upgrade *upgrade, const char *what, const GError *error);

/* Whether the guest is to run in the target. */
bool upgrade_wants_run(const Upgrade *upgrade);
/* Whether the target starts by itself once it has the whole state: QEMU does so unless the guest was stopped before. */
bool upgrade_expects_run(const Upgrade *upgrade);

/* Of the source and the target; the target's is NULL before Prepare has planned it. Borrowed. */
GuestInstance *upgrade_get_source(const Upgrade *upgrade);
PathsInstance *upgrade_get_source_paths(const Upgrade *upgrade);
GuestInstance *upgrade_get_target(const Upgrade *upgrade);
PathsInstance *upgrade_get_target_paths(const Upgrade *upgrade);
