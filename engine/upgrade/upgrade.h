/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One upgrade of one guest, as the node sees it: made in the main loop, run in a worker thread, read when it is over.
 * While it runs, it alone holds both QEMUs' monitors.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "guest/environment.h"
#include "objlist/domain.h"

typedef enum {
    UPGRADE_OUTCOME_UPGRADED,
    UPGRADE_OUTCOME_ROLLED_BACK,   /* it was begun and undone; the guest runs on in its old QEMU */
    UPGRADE_OUTCOME_REFUSED,       /* nothing was begun */
    UPGRADE_OUTCOME_FAILED,        /* the guest's QEMU ended meanwhile: there is nothing left to roll back to */
    UPGRADE_OUTCOME_NEEDS_OPERATOR,
    UPGRADE_OUTCOME_UNCHANGED
} UpgradeOutcome;
const char *upgrade_outcome_to_string(UpgradeOutcome outcome);

typedef struct {
    char *to;             /* absolute path of the binary to upgrade to; NULL: the path the guest was started from */
    char *method;         /* "auto" or a method's name */
    gint64 timeout_ms;    /* bounds everything up to the point of no return; 0: the default */
    gint64 max_downtime_ms; /* how long a guest whose memory is copied may stand still; 0: QEMU's default */
    bool start_paused;    /* the target waits for a `cont` (--paused) */
} UpgradeRequest;

typedef struct {
    const char *guest, *phase, *step;
    gint64 copied_bytes, total_bytes; /* of the guest's memory, where it is copied; 0/0 otherwise */
} UpgradeProgress;

/* Called in the worker thread as each step begins, and from time to time while memory is copied. */
typedef void (*UpgradeProgressFunc)(const UpgradeProgress *progress, gpointer user_data);

typedef struct Upgrade Upgrade;

/*
 * SOURCE must be held by a job of the caller's (objlist_domain_begin_job) until the result has been read.
 * CANCEL_FD (borrowed) becomes readable when somebody wants out. REQUEST is copied.
 */
Upgrade *upgrade_new(const GuestEnvironment *environment, ObjlistDomain *source, const UpgradeRequest *request,
                     int cancel_fd, UpgradeProgressFunc progress, gpointer user_data);
void upgrade_free(Upgrade *upgrade);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Upgrade, upgrade_free)

/* Runs all phases and, on failure, the way back. Blocks; to be called once, in a worker thread. */
void upgrade_run(Upgrade *upgrade);

/* What would be done: the same checks as upgrade_run, nothing begun. `Plan` of io.moult, owned. Blocks. */
json_object *upgrade_plan(Upgrade *upgrade);

UpgradeOutcome upgrade_get_outcome(const Upgrade *upgrade);
/* `Result` of io.moult; owned. */
json_object *upgrade_dup_result(const Upgrade *upgrade);
/* How the guest's QEMU ended, where the guest has ended; `known` says whether we were told. Borrowed. */
const ProcessExit *upgrade_get_guest_end(const Upgrade *upgrade);
/* The reason QEMU gave for it, NULL when it gave none. Borrowed. */
const char *upgrade_get_guest_end_reason(const Upgrade *upgrade);
/* TRUE once nothing can be rolled back any more. Any thread. */
bool upgrade_has_passed_no_return(const Upgrade *upgrade);

/*
 * The domain that stands for the guest when it is over: the target after an upgrade, else the source; NULL when the
 * guest has ended (its way out is then in the result's message). Borrowed.
 */
ObjlistDomain *upgrade_get_survivor(const Upgrade *upgrade);
