/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Invariants, all under the one lock: an object is in both tables of a pair or in neither; a name has one
 * UUID and a UUID one name in the two pairs together. No reference is dropped under the lock, since the last
 * one runs the owner's destroy function, which may come back here.
 */
#include "objlist/tables.h"

/* The table by name owns a reference; the one by UUID borrows it. Keys are the object's own strings. */
typedef struct {
    GHashTable *by_name;
    GHashTable *by_uuid;
} Pair;

struct ObjlistTables {
    GMutex lock;
    Pair primary;
    Pair remote;
};

static void
pair_init(Pair *pair)
{
    pair->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    pair->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
}

static void
pair_clear(Pair *pair)
{
    g_autoptr(GList) domains = g_hash_table_get_values(pair->by_name);
    g_hash_table_unref(pair->by_uuid);
    g_hash_table_unref(pair->by_name);
    for (GList *item = domains; item; item = item->next)
        objlist_domain_unref(item->data);
}

static bool
pair_has(const Pair *pair, const ObjlistDomain *domain)
{
    return g_hash_table_lookup(pair->by_name, objlist_domain_get_name(domain)) == domain;
}

/* Takes over a reference. The name and the UUID must be free. */
static void
pair_insert(Pair *pair, ObjlistDomain *domain)
{
    g_hash_table_insert(pair->by_name, (gpointer)objlist_domain_get_name(domain), domain);
    g_hash_table_insert(pair->by_uuid, (gpointer)objlist_domain_get_uuid(domain), domain);
}

/* Hands over the pair's reference. */
static void
pair_steal(Pair *pair, ObjlistDomain *domain)
{
    g_hash_table_remove(pair->by_name, objlist_domain_get_name(domain));
    g_hash_table_remove(pair->by_uuid, objlist_domain_get_uuid(domain));
}

ObjlistTables *
objlist_tables_new(void)
{
    ObjlistTables *tables = g_new0(ObjlistTables, 1);
    g_mutex_init(&tables->lock);
    pair_init(&tables->primary);
    pair_init(&tables->remote);
    return tables;
}

void
objlist_tables_free(ObjlistTables *tables)
{
    if (!tables)
        return;
    pair_clear(&tables->primary);
    pair_clear(&tables->remote);
    g_mutex_clear(&tables->lock);
    g_free(tables);
}

static bool
is_free(const Pair *pair, const ObjlistDomain *domain, GError **error)
{
    const char *name = objlist_domain_get_name(domain), *uuid = objlist_domain_get_uuid(domain);
    ObjlistDomain *holder = g_hash_table_lookup(pair->by_uuid, uuid);
    if (g_hash_table_contains(pair->by_name, name))
        g_set_error(error, OBJLIST_ERROR, OBJLIST_ERROR_EXISTS, "There is a guest named %s already", name);
    else if (holder)
        g_set_error(error, OBJLIST_ERROR, OBJLIST_ERROR_EXISTS, "Guest %s has the UUID %s already",
                    objlist_domain_get_name(holder), uuid);
    else
        return true;
    return false;
}

/* Whether OTHER, the pair that DOMAIN is not to be put into, knows the guest as DOMAIN does, or not at all.
 */
static bool
is_consistent(const Pair *other, const ObjlistDomain *domain, GError **error)
{
    return g_hash_table_lookup(other->by_name, objlist_domain_get_name(domain)) ==
               g_hash_table_lookup(other->by_uuid, objlist_domain_get_uuid(domain)) ||
           is_free(other, domain, error);
}

static bool
add(ObjlistTables *tables, Pair *pair, const Pair *other, ObjlistDomain *domain, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tables->lock);
    if (!is_free(pair, domain, error) || !is_consistent(other, domain, error))
        return false;
    pair_insert(pair, objlist_domain_ref(domain));
    return true;
}

bool
objlist_tables_add_primary(ObjlistTables *tables, ObjlistDomain *domain, GError **error)
{
    return add(tables, &tables->primary, &tables->remote, domain, error);
}

bool
objlist_tables_add_remote(ObjlistTables *tables, ObjlistDomain *domain, GError **error)
{
    return add(tables, &tables->remote, &tables->primary, domain, error);
}

static ObjlistDomain *
find(ObjlistTables *tables, GHashTable *table, const char *key)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tables->lock);
    ObjlistDomain *domain = g_hash_table_lookup(table, key);
    return domain ? objlist_domain_ref(domain) : NULL;
}

static ObjlistDomain *
find_uuid(ObjlistTables *tables, GHashTable *table, const char *uuid)
{
    g_autofree char *key = g_ascii_strdown(uuid, -1);
    return find(tables, table, key);
}

ObjlistDomain *
objlist_tables_find_by_name(ObjlistTables *tables, const char *name)
{
    return find(tables, tables->primary.by_name, name);
}

ObjlistDomain *
objlist_tables_find_by_uuid(ObjlistTables *tables, const char *uuid)
{
    return find_uuid(tables, tables->primary.by_uuid, uuid);
}

ObjlistDomain *
objlist_tables_find_remote_by_name(ObjlistTables *tables, const char *name)
{
    return find(tables, tables->remote.by_name, name);
}

ObjlistDomain *
objlist_tables_find_remote_by_uuid(ObjlistTables *tables, const char *uuid)
{
    return find_uuid(tables, tables->remote.by_uuid, uuid);
}

ObjlistDomain *
objlist_tables_promote(ObjlistTables *tables, ObjlistDomain *target)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tables->lock);
    g_return_val_if_fail(pair_has(&tables->remote, target), NULL);
    ObjlistDomain *old = g_hash_table_lookup(tables->primary.by_name, objlist_domain_get_name(target));
    if (old)
        pair_steal(&tables->primary, old);
    pair_steal(&tables->remote, target);
    pair_insert(&tables->primary, target);
    return old;
}

static bool
is_same_guest(const ObjlistDomain *a, const ObjlistDomain *b)
{
    return g_str_equal(objlist_domain_get_name(a), objlist_domain_get_name(b)) &&
           g_str_equal(objlist_domain_get_uuid(a), objlist_domain_get_uuid(b));
}

bool
objlist_tables_replace_primary(ObjlistTables *tables, ObjlistDomain *domain, ObjlistDomain *replacement)
{
    g_return_val_if_fail(is_same_guest(domain, replacement), false);
    g_mutex_lock(&tables->lock);
    bool found = pair_has(&tables->primary, domain);
    if (found) {
        pair_steal(&tables->primary, domain);
        pair_insert(&tables->primary, objlist_domain_ref(replacement));
    }
    g_mutex_unlock(&tables->lock);
    if (found)
        objlist_domain_unref(domain);
    return found;
}

static bool
remove_from(ObjlistTables *tables, Pair *pair, ObjlistDomain *domain)
{
    g_mutex_lock(&tables->lock);
    bool found = pair_has(pair, domain);
    if (found)
        pair_steal(pair, domain);
    g_mutex_unlock(&tables->lock);
    if (found)
        objlist_domain_unref(domain);
    return found;
}

bool
objlist_tables_remove_primary(ObjlistTables *tables, ObjlistDomain *domain)
{
    return remove_from(tables, &tables->primary, domain);
}

bool
objlist_tables_remove_remote(ObjlistTables *tables, ObjlistDomain *domain)
{
    return remove_from(tables, &tables->remote, domain);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(objlist_domain_get_name(*(ObjlistDomain *const *)a),
                     objlist_domain_get_name(*(ObjlistDomain *const *)b));
}

GPtrArray *
objlist_tables_snapshot(ObjlistTables *tables)
{
    GPtrArray *domains = g_ptr_array_new_with_free_func((GDestroyNotify)objlist_domain_unref);
    g_mutex_lock(&tables->lock);
    GHashTableIter iterator;
    gpointer domain;
    g_hash_table_iter_init(&iterator, tables->primary.by_name);
    while (g_hash_table_iter_next(&iterator, NULL, &domain))
        g_ptr_array_add(domains, objlist_domain_ref(domain));
    g_mutex_unlock(&tables->lock);
    g_ptr_array_sort(domains, compare_names);
    return domains;
}

static size_t
count(ObjlistTables *tables, const Pair *pair)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&tables->lock);
    return g_hash_table_size(pair->by_name);
}

size_t
objlist_tables_count_primary(ObjlistTables *tables)
{
    return count(tables, &tables->primary);
}

size_t
objlist_tables_count_remote(ObjlistTables *tables)
{
    return count(tables, &tables->remote);
}
