/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dual tables: *primary* by UUID and by name, *remote* by UUID and by name, all four under one lock. Everybody
 * but the upgrade itself reads the primary pair only; objlist_tables_promote moves the target from the remote into
 * the primary pair in one step, so that nobody can observe a guest in neither or in both.
 */
#pragma once

#include "objlist/domain.h"

typedef struct ObjlistTables ObjlistTables;

ObjlistTables *objlist_tables_new(void);
void objlist_tables_free(ObjlistTables *tables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjlistTables, objlist_tables_free)

/*
 * Each takes its own reference. EXISTS when the name or the UUID is in that pair already, or when the other pair knows
 * the name with another UUID or the UUID with another name: the two belong together everywhere.
 */
bool objlist_tables_add_primary(ObjlistTables *tables, ObjlistDomain *domain, GError **error);
bool objlist_tables_add_remote(ObjlistTables *tables, ObjlistDomain *domain, GError **error);

/* A new reference, or NULL. UUIDs in any case of letters. */
ObjlistDomain *objlist_tables_find_by_name(ObjlistTables *tables, const char *name);
ObjlistDomain *objlist_tables_find_by_uuid(ObjlistTables *tables, const char *uuid);
ObjlistDomain *objlist_tables_find_remote_by_name(ObjlistTables *tables, const char *name);
ObjlistDomain *objlist_tables_find_remote_by_uuid(ObjlistTables *tables, const char *uuid);

/*
 * TARGET, which must be in the remote pair (a bug otherwise: nothing happens, NULL), takes the place of the primary
 * object with its name and UUID, which is returned (owned by the caller; NULL when there was none).
 */
ObjlistDomain *objlist_tables_promote(ObjlistTables *tables, ObjlistDomain *target);
/* Puts REPLACEMENT (same name and UUID) where DOMAIN is in the primary pair, in one step. FALSE when DOMAIN is not there. */
bool objlist_tables_replace_primary(ObjlistTables *tables, ObjlistDomain *domain, ObjlistDomain *replacement);

/* Remove exactly this object; FALSE when it is not there (another one with its name may be). */
bool objlist_tables_remove_primary(ObjlistTables *tables, ObjlistDomain *domain);
bool objlist_tables_remove_remote(ObjlistTables *tables, ObjlistDomain *domain);

/* GPtrArray of references, sorted by name; a consistent snapshot of the primary pair. */
GPtrArray *objlist_tables_snapshot(ObjlistTables *tables);
size_t objlist_tables_count_primary(ObjlistTables *tables);
size_t objlist_tables_count_remote(ObjlistTables *tables);
