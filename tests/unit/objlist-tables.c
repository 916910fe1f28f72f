/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "objlist/tables.h"

#define UUID_A "8b0a9f5e-0b5c-4c7e-9d0f-2f5d2a6f1c11"
#define UUID_B "11111111-2222-4333-8444-555555555555"

static int
setup(void **state)
{
    *state = objlist_tables_new();
    return 0;
}

static int
teardown(void **state)
{
    objlist_tables_free(*state);
    return 0;
}

static ObjlistDomain *
add_primary(ObjlistTables *tables, const char *name, const char *uuid, guint64 id)
{
    ObjlistDomain *domain = objlist_domain_new(name, uuid, id, NULL);
    assert_true(objlist_tables_add_primary(tables, domain, NULL));
    return domain;
}

static void
assert_found(ObjlistDomain *found, const ObjlistDomain *expected)
{
    assert_ptr_equal(found, expected);
    objlist_domain_unref(found);
}

static void
assert_refused(bool added, GError **error)
{
    assert_false(added);
    assert_true(g_error_matches(*error, OBJLIST_ERROR, OBJLIST_ERROR_EXISTS));
    g_clear_error(error);
}

static void
primary_is_found_by_name_and_uuid_and_not_in_remote(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(ObjlistDomain) domain = add_primary(tables, "web1", UUID_A, 1);
    assert_found(objlist_tables_find_by_name(tables, "web1"), domain);
    assert_found(objlist_tables_find_by_uuid(tables, UUID_A), domain);
    assert_found(objlist_tables_find_by_uuid(tables, "8B0A9F5E-0B5C-4C7E-9D0F-2F5D2A6F1C11"), domain);
    assert_null(objlist_tables_find_by_name(tables, "web"));
    assert_null(objlist_tables_find_by_uuid(tables, UUID_B));
    assert_null(objlist_tables_find_remote_by_name(tables, "web1"));
    assert_null(objlist_tables_find_remote_by_uuid(tables, UUID_A));
    assert_int_equal(objlist_tables_count_primary(tables), 1);
    assert_int_equal(objlist_tables_count_remote(tables), 0);
}

static void
name_and_uuid_are_taken_once_in_a_pair(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) domain = add_primary(tables, "web1", UUID_A, 1);
    g_autoptr(ObjlistDomain) same_name = objlist_domain_new("web1", UUID_B, 2, NULL);
    g_autoptr(ObjlistDomain) same_uuid = objlist_domain_new("web2", UUID_A, 3, NULL);
    assert_refused(objlist_tables_add_primary(tables, same_name, &error), &error);
    assert_refused(objlist_tables_add_primary(tables, same_uuid, &error), &error);
    assert_refused(objlist_tables_add_primary(tables, domain, &error), &error);
    assert_int_equal(objlist_tables_count_primary(tables), 1);
    assert_null(objlist_tables_find_by_uuid(tables, UUID_B));
    assert_null(objlist_tables_find_by_name(tables, "web2"));
}

static void
remote_with_half_of_another_guests_identity_is_refused(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) a = add_primary(tables, "a", UUID_A, 1);
    g_autoptr(ObjlistDomain) b = add_primary(tables, "b", UUID_B, 2);
    g_autoptr(ObjlistDomain) crossed = objlist_domain_new("a", UUID_B, 3, NULL);
    g_autoptr(ObjlistDomain) half = objlist_domain_new("c", UUID_A, 4, NULL);
    assert_refused(objlist_tables_add_remote(tables, crossed, &error), &error);
    assert_refused(objlist_tables_add_remote(tables, half, &error), &error);
    assert_int_equal(objlist_tables_count_remote(tables), 0);
}

static void
primary_with_half_of_a_remotes_identity_is_refused(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) target = objlist_domain_new("web1", UUID_A, 2, NULL);
    g_autoptr(ObjlistDomain) half = objlist_domain_new("web1", UUID_B, 0, NULL);
    assert_true(objlist_tables_add_remote(tables, target, NULL));
    assert_refused(objlist_tables_add_primary(tables, half, &error), &error);
    g_autoptr(ObjlistDomain) whole = add_primary(tables, "web1", UUID_A, 1);
    assert_found(objlist_tables_find_remote_by_uuid(tables, UUID_A), target);
}

static void
promote_hands_back_the_old_one(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(ObjlistDomain) source = add_primary(tables, "web1", UUID_A, 1);
    g_autoptr(ObjlistDomain) target = objlist_domain_new("web1", UUID_A, 2, NULL);
    assert_true(objlist_tables_add_remote(tables, target, NULL));
    assert_found(objlist_tables_find_by_name(tables, "web1"), source);
    assert_found(objlist_tables_find_remote_by_name(tables, "web1"), target);
    assert_found(objlist_tables_promote(tables, target), source);
    assert_found(objlist_tables_find_by_name(tables, "web1"), target);
    assert_found(objlist_tables_find_by_uuid(tables, UUID_A), target);
    assert_int_equal(objlist_tables_count_primary(tables), 1);
    assert_int_equal(objlist_tables_count_remote(tables), 0);
}

static void
promote_without_an_old_one_gives_null(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(ObjlistDomain) target = objlist_domain_new("web1", UUID_A, 2, NULL);
    assert_true(objlist_tables_add_remote(tables, target, NULL));
    assert_null(objlist_tables_promote(tables, target));
    assert_found(objlist_tables_find_by_uuid(tables, UUID_A), target);
}

static void
remove_takes_this_very_object_only(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(ObjlistDomain) domain = add_primary(tables, "web1", UUID_A, 1);
    g_autoptr(ObjlistDomain) twin = objlist_domain_new("web1", UUID_A, 2, NULL);
    assert_false(objlist_tables_remove_primary(tables, twin));
    assert_false(objlist_tables_remove_remote(tables, domain));
    assert_int_equal(objlist_tables_count_primary(tables), 1);
    assert_true(objlist_tables_remove_primary(tables, domain));
    assert_false(objlist_tables_remove_primary(tables, domain));
    assert_null(objlist_tables_find_by_uuid(tables, UUID_A));
    assert_true(objlist_tables_add_remote(tables, twin, NULL));
    assert_true(objlist_tables_remove_remote(tables, twin));
    assert_null(objlist_tables_find_remote_by_uuid(tables, UUID_A));
}

static void
replace_needs_the_one_to_be_replaced(void **state)
{
    ObjlistTables *tables = *state;
    g_autoptr(ObjlistDomain) running = add_primary(tables, "web1", UUID_A, 1);
    g_autoptr(ObjlistDomain) shut_off = objlist_domain_new("web1", UUID_A, 0, NULL);
    assert_true(objlist_tables_replace_primary(tables, running, shut_off));
    assert_found(objlist_tables_find_by_name(tables, "web1"), shut_off);
    assert_found(objlist_tables_find_by_uuid(tables, UUID_A), shut_off);
    assert_false(objlist_tables_replace_primary(tables, running, shut_off));
    assert_int_equal(objlist_tables_count_primary(tables), 1);
}

static void
snapshot_is_sorted_and_keeps_its_objects(void **state)
{
    ObjlistTables *tables = *state;
    const char *names[] = {"c", "a", "b"};
    const char *uuids[] = {UUID_A, UUID_B, "00000000-0000-4000-8000-000000000000"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(ObjlistDomain) domain = add_primary(tables, names[i], uuids[i], i + 1);
    }
    g_autoptr(GPtrArray) snapshot = objlist_tables_snapshot(tables);
    assert_true(objlist_tables_remove_primary(tables, snapshot->pdata[0]));
    assert_int_equal(snapshot->len, 3);
    assert_string_equal(objlist_domain_get_name(snapshot->pdata[0]), "a");
    assert_string_equal(objlist_domain_get_name(snapshot->pdata[1]), "b");
    assert_string_equal(objlist_domain_get_name(snapshot->pdata[2]), "c");
}

/* A destroy function that comes back to the tables, as the engine's may. */
static void
look_into_tables(gpointer tables)
{
    objlist_tables_count_primary(tables);
}

static void
last_reference_is_not_dropped_under_the_lock(void **state)
{
    ObjlistTables *tables = *state;
    ObjlistDomain *domain = objlist_domain_new("web1", UUID_A, 1, NULL);
    objlist_domain_set_data(domain, tables, look_into_tables);
    assert_true(objlist_tables_add_primary(tables, domain, NULL));
    objlist_domain_unref(domain);
    g_autoptr(ObjlistDomain) replacement = objlist_domain_new("web1", UUID_A, 2, NULL);
    assert_true(objlist_tables_replace_primary(tables, domain, replacement));
    objlist_tables_remove_primary(tables, replacement);
}

#define PROMOTIONS 20000

typedef struct {
    ObjlistTables *tables;
    gint done;
    gint lookups;
} Race;

/* Whether DOMAIN (taken) is web1, and no older than what this thread saw before. */
static bool
is_next(ObjlistDomain *domain, guint64 *last_id)
{
    if (!domain)
        return false;
    guint64 id = objlist_domain_get_id(domain);
    bool ok = id >= *last_id && g_str_equal(objlist_domain_get_name(domain), "web1") &&
              g_str_equal(objlist_domain_get_uuid(domain), UUID_A);
    *last_id = id;
    objlist_domain_unref(domain);
    return ok;
}

static bool
snapshot_has_one(ObjlistTables *tables, guint64 *last_id)
{
    g_autoptr(GPtrArray) snapshot = objlist_tables_snapshot(tables);
    return snapshot->len == 1 && objlist_tables_count_primary(tables) == 1 &&
           is_next(objlist_domain_ref(snapshot->pdata[0]), last_id);
}

static void *
look_up(void *data)
{
    Race *race = data;
    guint64 last_id = 0;
    do {
        if (!is_next(objlist_tables_find_by_name(race->tables, "web1"), &last_id) ||
            !is_next(objlist_tables_find_by_uuid(race->tables, UUID_A), &last_id) ||
            !snapshot_has_one(race->tables, &last_id))
            return NULL;
        g_atomic_int_inc(&race->lookups);
    } while (!g_atomic_int_get(&race->done));
    return data;
}

static void
promote_many(ObjlistTables *tables)
{
    for (guint64 id = 2; id < PROMOTIONS; id++) {
        g_autoptr(ObjlistDomain) target = objlist_domain_new("web1", UUID_A, id, NULL);
        assert_true(objlist_tables_add_remote(tables, target, NULL));
        g_autoptr(ObjlistDomain) old = objlist_tables_promote(tables, target);
        assert_int_equal(objlist_domain_get_id(old), id - 1);
    }
}

static void
lookups_during_promotions_find_exactly_one(void **state)
{
    Race race = {.tables = *state};
    objlist_domain_unref(add_primary(race.tables, "web1", UUID_A, 1));
    pthread_t threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up, &race), 0);
    promote_many(race.tables);
    g_atomic_int_set(&race.done, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    assert_true(g_atomic_int_get(&race.lookups) >= (gint)G_N_ELEMENTS(threads));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(primary_is_found_by_name_and_uuid_and_not_in_remote),
        TEST(name_and_uuid_are_taken_once_in_a_pair),
        TEST(remote_with_half_of_another_guests_identity_is_refused),
        TEST(primary_with_half_of_a_remotes_identity_is_refused),
        TEST(promote_hands_back_the_old_one),
        TEST(promote_without_an_old_one_gives_null),
        TEST(remove_takes_this_very_object_only),
        TEST(replace_needs_the_one_to_be_replaced),
        TEST(snapshot_is_sorted_and_keeps_its_objects),
        TEST(last_reference_is_not_dropped_under_the_lock),
        TEST(lookups_during_promotions_find_exactly_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
