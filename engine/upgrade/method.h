/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the guest's memory gets from one QEMU to the other. A method plugs into the phases: it says whether it can be
 * used, which migration capabilities and parameters it needs and whether the guest must be stopped first; the phases
 * ask, and nothing else differs.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "guest/instance.h"
#include "qemu/binary.h"
#include "qemu/plan.h"
#include "qemu/quirks.h"

/* What a method is judged by. All borrowed. */
typedef struct {
    const GuestInstance *source;
    const GPtrArray *memory;         /* QemuMemoryBackend: the source's, as it is now */
    GHashTable *source_capabilities; /* set of names */
    QemuVersion running;             /* of the source, as it says itself */
    QemuAccelerator accelerator;     /* of the source */
    bool source_is_running;          /* FALSE: the guest is paused */
    const QemuBinary *target;
    gint64 max_downtime_ms; /* 0: the operator names none */
} UpgradeMethodContext;

typedef struct {
    const char *name; /* "shared" */
    const char *what; /* one clause for a person: "its memory is shared and stays where it is" */
    /* Whether it is made for MEMORY (QemuMemoryBackend), whatever else may stand in the way. For "auto". */
    bool (*fits)(const GPtrArray *memory);
    /*
     * The new QEMU has memory of its own: backends are made anew, shared ones; progress is told by bytes, and the time it
     * takes grows with them.
     */
    bool copies_memory;
    /* Adds a finding for whatever stands in the way; TRUE when nothing does. */
    bool (*check)(const UpgradeMethodContext *context, GPtrArray *findings);
    /* The same, once the new command line is known. NULL: nothing to ask. */
    bool (*check_plan)(const UpgradeMethodContext *context, const QemuPlan *plan, GPtrArray *findings);
    /* Whether the guest must be stopped before `migrate`. NULL: never. */
    bool (*stops_first)(const UpgradeMethodContext *context);
    /* The migration capability that it needs beside what all need, of those that a QEMU lists. Static. NULL: none. */
    const char *(*get_capability)(GHashTable *capabilities);
    /*
     * Migration parameters of the source, an object owned by the caller; NULL: none. Putting back what there was is
     * the phases' affair.
     */
    json_object *(*get_parameters)(gint64 max_downtime_ms, bool stops_first);
} UpgradeMethod;

/* A method by its name; NULL when there is none ("auto" is none: upgrade_method_choose). */
const UpgradeMethod *upgrade_method_find(const char *name);
/* Names of all methods, NULL-terminated, static. */
const char *const *upgrade_method_list(void);
/*
 * The method called NAME, or for "auto" the first that fits the source's memory, in order of cost, with a finding that
 * says why that one. Adds what its check finds. NULL when it cannot be used (a BLOCK says why).
 */
const UpgradeMethod *upgrade_method_choose(const char *name, const UpgradeMethodContext *context, GPtrArray *findings);

/*
 * Capabilities to switch on for METHOD, on the QEMU that lists CAPABILITIES (set of names): NULL-terminated, owned by the
 * caller, the strings static. Clearing the same ones afterwards is the phases' affair.
 */
const char **upgrade_method_list_capabilities(const UpgradeMethod *method, GHashTable *capabilities);

/* TRUE when QEMU has all CAPABILITIES that any method needs; findings as in check. WHICH: "running", "new". */
bool upgrade_method_check_return_path(const char *which, GHashTable *capabilities, GPtrArray *findings);

extern const UpgradeMethod upgrade_method_shared, upgrade_method_copy;
