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
    PATHS_ERROR_FAILED,
    PATHS_ERROR_MISSING, /* there is no such file or folder */
    PATHS_ERROR_EXISTS,  /* there is one already */
    PATHS_ERROR_BUSY     /* somebody else holds the lock */
} PathsError;

typedef struct {
    char *runtime, *state, *config;     /* absolute */
    char *instances, *guests, *journal; /* below runtime */
    char *control_socket;               /* RUN/control.sock */
    char *lock;                         /* RUN/moultd.lock */
    char *definitions;                  /* CONFIG/guests */
    char *history;                      /* STATE/history.jsonl */
    char *cache;                        /* STATE/cache */
} PathsDirs;

/*
 * From the environment; touches nothing. INVALID when a MOULT_*_DIR is not absolute, or when a user other than root
 * has no XDG_RUNTIME_DIR. Relative XDG variables are ignored, as their specification demands.
 */
PathsDirs *paths_dirs_new(GError **error);
void paths_dirs_free(PathsDirs *dirs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PathsDirs, paths_dirs_free)
/*
 * Creates them: RUN, RUN/instances and RUN/guests 0711 (a guest's user must be able to pass through to its own
 * folder), the others 0700. The mode of a folder that exists is left alone. Refuses (UNSAFE) a folder that is a
 * symlink, belongs to another user or is writable for others. Which folders lie above is the operator's choice.
 */
bool paths_dirs_create(const PathsDirs *dirs, GError **error);
/*
 * Removes the temporary files that a crash between write and rename has left in RUN, STATE and CONFIG. Only for the
 * holder of RUN/moultd.lock: it would take away what another engine is writing.
 */
bool paths_dirs_sweep(const PathsDirs *dirs, GError **error);

/* 1 to 64 bytes of [A-Za-z0-9._-], the first of them neither '.' nor '-'. INVALID says what is wrong. */
bool paths_name_is_valid(const char *name, GError **error);

/*
 * The next domain id, from 1 on: a persisted counter in STATE/next-id, replaced whole and on disk before the number
 * is given out, under STATE/next-id.lock; never gives a number twice, nor one that has a folder in RUN/instances. A
 * damaged counter is an error: a guess could give an old number again. Makes STATE when it is gone. Waits at most 10 s
 * for the lock.
 */
bool paths_next_domain_id(const PathsDirs *dirs, guint64 *ret_id, GError **error);
