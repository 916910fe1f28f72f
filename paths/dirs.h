/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where moult keeps things: RUN (/run/moult for root, $XDG_RUNTIME_DIR/moult), STATE (/var/lib/moult,
 * $XDG_STATE_HOME/moult), CONFIG (/etc/moult, $XDG_CONFIG_HOME/moult); MOULT_RUNTIME_DIR, MOULT_STATE_DIR and
 * MOULT_CONFIG_DIR override each.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define PATHS_ERROR paths_error_quark()
GQuark paths_error_quark(void);
typedef enum {
    PATHS_ERROR_INVALID,  /* a name or a path that is not acceptable */
    PATHS_ERROR_UNSAFE,   /* exists, but is not ours, is a symlink, or others may write to it */
    PATHS_ERROR_NO_SPACE, /* ENOSPC, EDQUOT */
    PATHS_ERROR_FAILED
} PathsError;

typedef struct {
    char *runtime, *state, *config;    /* absolute */
    char *instances, *guests, *journal; /* below runtime */
    char *control_socket;              /* RUN/control.sock */
    char *lock;                        /* RUN/moultd.lock */
    char *definitions;                 /* CONFIG/guests */
    char *history;                     /* STATE/history.jsonl */
    char *cache;                       /* STATE/cache */
} PathsDirs;

/* From the environment; touches nothing. */
PathsDirs *paths_dirs_new(GError **error);
void paths_dirs_free(PathsDirs *dirs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PathsDirs, paths_dirs_free)
/*
 * Creates them: RUN, RUN/instances and RUN/guests 0711 (a guest's user must be able to pass through to its own
 * folder), the others 0700. Refuses a folder that belongs to another user or is writable for others.
 */
bool paths_dirs_create(const PathsDirs *dirs, GError **error);

/* 1 to 64 bytes of [A-Za-z0-9._-] plus non-ASCII-free rules; no '/', no leading '.' or '-', no control characters. */
bool paths_name_is_valid(const char *name, GError **error);

/* The next domain id: a persisted counter in STATE/next-id, locked, fsynced; never gives a number twice. */
bool paths_next_domain_id(const PathsDirs *dirs, guint64 *ret_id, GError **error);
