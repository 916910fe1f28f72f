/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "objlist/domain.h"

#include <inttypes.h>

G_DEFINE_QUARK(moult - objlist - error - quark, objlist_error)

static const char *const STATE_NAMES[] = {
    [OBJLIST_DOMAIN_SHUT_OFF] = "shut-off", [OBJLIST_DOMAIN_STARTING] = "starting",
    [OBJLIST_DOMAIN_RUNNING] = "running",   [OBJLIST_DOMAIN_PAUSED] = "paused",
    [OBJLIST_DOMAIN_UNKNOWN] = "unknown",   [OBJLIST_DOMAIN_INCOMING] = "incoming",
    [OBJLIST_DOMAIN_NEEDS_OPERATOR] = "needs-operator",
};

struct ObjlistDomain {
    gatomicrefcount references;
    /* Set once, before the object is shared. */
    char *name;
    char *uuid;
    guint64 id;
    PathsInstance *paths;
    gpointer data;
    GDestroyNotify destroy_data;

    GMutex lock; /* guards what follows */
    ObjlistDomainState state;
    char *job; /* what the job lock's holder is doing; NULL: free */
    guint64 job_id;
};

const char *
objlist_domain_state_to_string(ObjlistDomainState state)
{
    g_return_val_if_fail((unsigned)state < G_N_ELEMENTS(STATE_NAMES), NULL);
    return STATE_NAMES[state];
}

bool
objlist_domain_state_from_string(const char *text, ObjlistDomainState *ret_state)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(STATE_NAMES); i++) {
        if (g_strcmp0(text, STATE_NAMES[i]) == 0) {
            *ret_state = (ObjlistDomainState)i;
            return true;
        }
    }
    return false;
}

ObjlistDomain *
objlist_domain_new(const char *name, const char *uuid, guint64 domain_id, PathsInstance *paths)
{
    g_return_val_if_fail(name && uuid, NULL);
    ObjlistDomain *domain = g_new0(ObjlistDomain, 1);
    g_atomic_ref_count_init(&domain->references);
    g_mutex_init(&domain->lock);
    domain->name = g_strdup(name);
    domain->uuid = g_ascii_strdown(uuid, -1);
    domain->id = domain_id;
    domain->paths = paths;
    domain->state = OBJLIST_DOMAIN_SHUT_OFF;
    return domain;
}

ObjlistDomain *
objlist_domain_ref(ObjlistDomain *domain)
{
    g_atomic_ref_count_inc(&domain->references);
    return domain;
}

void
objlist_domain_unref(ObjlistDomain *domain)
{
    if (!domain || !g_atomic_ref_count_dec(&domain->references))
        return;
    if (domain->destroy_data)
        domain->destroy_data(domain->data);
    paths_instance_free(domain->paths);
    g_mutex_clear(&domain->lock);
    g_free(domain->job);
    g_free(domain->uuid);
    g_free(domain->name);
    g_free(domain);
}

const char *
objlist_domain_get_name(const ObjlistDomain *domain)
{
    return domain->name;
}

const char *
objlist_domain_get_uuid(const ObjlistDomain *domain)
{
    return domain->uuid;
}

guint64
objlist_domain_get_id(const ObjlistDomain *domain)
{
    return domain->id;
}

PathsInstance *
objlist_domain_get_paths(const ObjlistDomain *domain)
{
    return domain->paths;
}

/* The mutex is no part of what a const object promises to keep. */
static GMutex *
lock_of(const ObjlistDomain *domain)
{
    return &((ObjlistDomain *)(guintptr)domain)->lock;
}

ObjlistDomainState
objlist_domain_get_state(const ObjlistDomain *domain)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(lock_of(domain));
    return domain->state;
}

void
objlist_domain_set_state(ObjlistDomain *domain, ObjlistDomainState state)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&domain->lock);
    domain->state = state;
}

void
objlist_domain_set_data(ObjlistDomain *domain, gpointer data, GDestroyNotify destroy)
{
    g_return_if_fail(!domain->data);
    domain->data = data;
    domain->destroy_data = destroy;
}

gpointer
objlist_domain_get_data(const ObjlistDomain *domain)
{
    return domain->data;
}

bool
objlist_domain_begin_job(ObjlistDomain *domain, const char *what, guint64 job_id, GError **error)
{
    g_return_val_if_fail(what, false);
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&domain->lock);
    if (!domain->job) {
        domain->job = g_strdup(what);
        domain->job_id = job_id;
        return true;
    }
    g_autofree char *number =
        domain->job_id ? g_strdup_printf(" (job %" PRIu64 ")", domain->job_id) : g_strdup("");
    g_set_error(error, OBJLIST_ERROR, OBJLIST_ERROR_BUSY, "Guest %s is busy: %s%s is under way", domain->name,
                domain->job, number);
    return false;
}

void
objlist_domain_end_job(ObjlistDomain *domain)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&domain->lock);
    g_return_if_fail(domain->job);
    g_clear_pointer(&domain->job, g_free);
    domain->job_id = 0;
}

bool
objlist_domain_has_job(const ObjlistDomain *domain)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(lock_of(domain));
    return domain->job != NULL;
}

char *
objlist_domain_dup_job(ObjlistDomain *domain)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&domain->lock);

    if (!domain->job)
        return NULL;
    return domain->job_id ? g_strdup_printf("%s %" PRIu64, domain->job, domain->job_id) : g_strdup(domain->job);
}
