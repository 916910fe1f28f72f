/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can this guest be upgraded in place, by which method, and if not, why: the same answer for `check`, `--dry-run` and
 * the upgrade itself. Asks the running QEMU and the target binary; changes nothing.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "guest/environment.h"
#include "guest/explain.h"
#include "guest/instance.h"
#include "guest/unit.h"
#include "qemu/plan.h"
#include "qmp/wait.h"
#include "upgrade/method.h"

typedef struct {
    QemuBinary *binary;              /* the target's; NULL when it could not be probed (a BLOCK says why) */
    const UpgradeMethod *method;     /* NULL when none can be used */
    bool stops_first;                /* the method stops the guest before it is handed over */
    GuestPresent *present;           /* what has changed in the guest since its start; NULL: nothing */
    QemuPlan *plan;                  /* the command line it would get; NULL when there is none */
    GuestUnit *unit;                 /* that the guest runs in; NULL: none */
    GPtrArray *findings;             /* QemuFinding, in the order of looking */
    GHashTable *source_capabilities; /* set of names; NULL when the source did not answer */
    bool source_is_running;          /* its vCPUs run (FALSE: paused) */
} UpgradePreflight;

typedef struct {
    const char *to;         /* absolute path of the target binary; NULL: that of the source */
    const char *method;     /* a method's name or "auto"; NULL: auto */
    gint64 max_downtime_ms; /* 0: none given */
} UpgradePreflightRequest;

/* Fails only when the wait is cancelled or over; every other trouble is a finding. */
UpgradePreflight *upgrade_preflight_new(const GuestEnvironment *environment, const GuestInstance *source,
                                        const UpgradePreflightRequest *request, const QmpWait *wait, GError **error);
void upgrade_preflight_free(UpgradePreflight *preflight);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UpgradePreflight, upgrade_preflight_free)

/* TRUE when no finding stands in the way. */
bool upgrade_preflight_passes(const UpgradePreflight *preflight);
