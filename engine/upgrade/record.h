/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of one upgrade on disk, RUN/journal/<session>.json: what is about to happen, written whole before it
 * happens. docs/journal.rst describes the format.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "paths/dirs.h"
#include "process/identity.h"

/* Whether the target has ever run the guest, as far as the record knows. */
typedef enum { UPGRADE_RAN_UNKNOWN, UPGRADE_RAN_NO, UPGRADE_RAN_YES } UpgradeRan;
const char *upgrade_ran_to_string(UpgradeRan ran);

typedef struct {
    char *session;       /* random UUID, the file's name */
    char *guest, *uuid;
    char *step;          /* the step being done, or the last one done */
    bool aborting;       /* the way back has begun */
    bool needs_operator; /* the evidence did not decide; the history has it already */
    unsigned n_answers;  /* how often it was taken up because one that had been mute answered; not on disk */
    UpgradeRan target_ran;
    bool is_guess;       /* made up for two QEMUs that no journal explains; never on disk as it was made */
    guint64 source_id;
    ProcessIdentity source;
    guint64 target_id;   /* 0 before there is a number */
    ProcessIdentity target; /* pid 0 before it is known; see MOULT_INSTANCE in spawn.c */
    char *method;
    json_object *from, *to; /* the two binaries, for the history ({"path","version","package"}); NULL: not known */
    bool source_was_running;
    bool stops_first;    /* the guest is stopped before `migrate`, and the target let run by us */
    bool start_paused;
    char *started;       /* RFC 3339 */
    json_object *cookies; /* {"begin":{...},...}: what each phase returned */
} UpgradeRecord;

UpgradeRecord *upgrade_record_new(const char *guest, const char *uuid);
void upgrade_record_free(UpgradeRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UpgradeRecord, upgrade_record_free)

json_object *upgrade_record_to_json(const UpgradeRecord *record);
/* Refuses another format, another version, another boot and anything out of bounds. */
UpgradeRecord *upgrade_record_from_json(json_object *object, GError **error);

bool upgrade_record_save(const UpgradeRecord *record, const PathsDirs *dirs, GError **error);
bool upgrade_record_remove(const UpgradeRecord *record, const PathsDirs *dirs, GError **error);
/*
 * All records of the journal folder: GPtrArray of UpgradeRecord, owned. A file that cannot be understood is left as
 * it is and described in RET_PROBLEMS (GPtrArray of char*, owned).
 */
GPtrArray *upgrade_record_list(const PathsDirs *dirs, GPtrArray **ret_problems, GError **error);
