/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection to a service manager (systemd), over its private D-Bus socket: what it says of a unit, and having it
 * read its unit files again. Every answer has a deadline. What a user's manager says is that user's word.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#define UNIT_ERROR unit_error_quark()
GQuark unit_error_quark(void);
typedef enum {
    UNIT_ERROR_NO_MANAGER, /* nobody there, or not for us */
    UNIT_ERROR_FAILED      /* it does not answer, or says no */
} UnitError;

typedef struct {
    char *id;   /* "web1.service" */
    char *path; /* of its D-Bus object */
    char *active_state, *sub_state; /* "active", "running" */
    char *type, *notify_access, *restart, *pidfile; /* "simple", "none", "no"; "" without a PIDFile= */
    pid_t main_pid;                  /* 0: none */
} UnitState;
void unit_state_clear(UnitState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UnitState, unit_state_clear)

typedef struct UnitManager UnitManager;
/* See place.h for MANAGER. */
UnitManager *unit_manager_new(uid_t manager, gint64 timeout_ms, GError **error);
void unit_manager_free(UnitManager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnitManager, unit_manager_free)

/* The service that the process is in. RET_STATE is untouched on failure. */
bool unit_manager_read(UnitManager *manager, pid_t pid, UnitState *ret_state, GError **error);
/* The service called ID, which need not run. */
bool unit_manager_read_unit(UnitManager *manager, const char *id, UnitState *ret_state, GError **error);
/* `systemctl daemon-reload`. Returns when it is done. */
bool unit_manager_reload(UnitManager *manager, gint64 timeout_ms, GError **error);
