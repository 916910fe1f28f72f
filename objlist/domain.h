/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain object: one instance (one QEMU process) of a guest, or a defined guest that is shut off. During an
 * upgrade a guest has two, with the same name and UUID, in different tables (see tables.h).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "paths/instance.h"

#define OBJLIST_ERROR objlist_error_quark()
GQuark objlist_error_quark(void);
typedef enum {
    OBJLIST_ERROR_EXISTS, /* name or UUID taken */
    OBJLIST_ERROR_BUSY    /* another job holds the domain; the message names it */
} ObjlistError;

typedef enum {
    OBJLIST_DOMAIN_SHUT_OFF,
    OBJLIST_DOMAIN_STARTING,
    OBJLIST_DOMAIN_RUNNING,
    OBJLIST_DOMAIN_PAUSED,
    OBJLIST_DOMAIN_UNKNOWN,       /* its QEMU lives, and has not said what it does */
    OBJLIST_DOMAIN_INCOMING,      /* an upgrade's target before it runs */
    OBJLIST_DOMAIN_NEEDS_OPERATOR /* the evidence does not decide; nothing is done by itself */
} ObjlistDomainState;
const char *objlist_domain_state_to_string(ObjlistDomainState state); /* "shut off" is "shut-off", "needs-operator", ... */
bool objlist_domain_state_from_string(const char *text, ObjlistDomainState *ret_state);

typedef struct ObjlistDomain ObjlistDomain; /* atomic reference count; accessors are thread-safe */

/*
 * DOMAIN_ID is 0 for a shut-off definition. PATHS (may be NULL) is taken. The UUID is kept in lower case; the state
 * is SHUT_OFF until it is set.
 */
ObjlistDomain *objlist_domain_new(const char *name, const char *uuid, guint64 domain_id, PathsInstance *paths);
ObjlistDomain *objlist_domain_ref(ObjlistDomain *domain);
void objlist_domain_unref(ObjlistDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjlistDomain, objlist_domain_unref)

const char *objlist_domain_get_name(const ObjlistDomain *domain);
const char *objlist_domain_get_uuid(const ObjlistDomain *domain);
guint64 objlist_domain_get_id(const ObjlistDomain *domain);
PathsInstance *objlist_domain_get_paths(const ObjlistDomain *domain); /* borrowed, may be NULL */
ObjlistDomainState objlist_domain_get_state(const ObjlistDomain *domain);
void objlist_domain_set_state(ObjlistDomain *domain, ObjlistDomainState state);

/* The engine's own data (the instance). Set once, before the domain is put into a table; freed with the domain. */
void objlist_domain_set_data(ObjlistDomain *domain, gpointer data, GDestroyNotify destroy);
gpointer objlist_domain_get_data(const ObjlistDomain *domain);

/*
 * The job lock: one at a time, does not wait. WHAT ("upgrade", "stop") and JOB_ID (0: no job number) name the holder.
 * It belongs to the object: during an upgrade the source's keeps others out, and the target, once it is promoted, has
 * its own, so whoever promotes one that must not be touched yet takes that one's lock before.
 */
bool objlist_domain_begin_job(ObjlistDomain *domain, const char *what, guint64 job_id, GError **error);
void objlist_domain_end_job(ObjlistDomain *domain);
bool objlist_domain_has_job(const ObjlistDomain *domain);
/* What holds the domain, for people: "upgrade 12"; NULL when nothing does. Owned. */
char *objlist_domain_dup_job(ObjlistDomain *domain);
