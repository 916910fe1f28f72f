/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest whose QEMU runs in a service unit: what the service manager makes of its being replaced, and telling it.
 *
 * When the main process of a unit ends, systemd ends all others of it: the new QEMU, too. So the unit gets another
 * main process while the old one still lives. systemd takes that from the unit itself alone, and only with
 * NotifyAccess=all, which is put into force for the time of the upgrade.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "guest/environment.h"
#include "guest/instance.h"
#include "qemu/finding.h"

typedef struct {
    uid_t manager; /* unit/place.h */
    char *id;      /* "web1.service" */
    char *pidfile; /* its PIDFile=; NULL: none */
    bool is_main;  /* the QEMU is its main process */
} GuestUnit;

void guest_unit_free(GuestUnit *unit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestUnit, guest_unit_free)

/*
 * The unit of a running QEMU that somebody else has started, and a finding of whether it survives an upgrade. NULL when it is
 * in none, and when the manager cannot be asked, which is a BLOCK.
 */
GuestUnit *guest_unit_look(const GuestInstance *instance, GPtrArray *findings);

/* Whether PID, a QEMU that was started to be put beside the unit's, is in it: systemd would take no other for its main process. */
bool guest_unit_check_member(const GuestUnit *unit, pid_t pid, GError **error);
/* Has the unit listen to all of its processes; a reload of the manager. Nothing to do where it does. */
bool guest_unit_open(const GuestUnit *unit, GError **error);
/* Takes that back; nothing to do where it was not done. */
bool guest_unit_close(const GuestUnit *unit, GError **error);
/*
 * Makes the process TO the unit's main process in place of FROM, and asks whether it is. Nothing to do for a unit without a
 * main process, or where TO is that already. On failure FROM still is, as far as it was.
 */
bool guest_unit_move(const GuestUnit *unit, const GuestEnvironment *environment, pid_t from, pid_t to, GError **error);
/* Where the unit's PIDFile= holds FROM, it holds TO then. */
bool guest_unit_write_pidfile(const GuestUnit *unit, pid_t from, pid_t to, GError **error);

json_object *guest_unit_to_json(const GuestUnit *unit);
/* NULL when OBJECT (may be NULL) holds none that could be. */
GuestUnit *guest_unit_from_json(json_object *object);
