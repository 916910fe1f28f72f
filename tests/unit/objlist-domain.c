/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "objlist/domain.h"

#define UUID "8b0a9f5e-0b5c-4c7e-9d0f-2f5d2a6f1c11"

static void
new_domain_is_shut_off_and_idle(void **state)
{
    (void)state;
    g_autoptr(ObjlistDomain) domain =
        objlist_domain_new("web1", "8B0A9F5E-0b5c-4c7e-9d0f-2f5d2a6f1c11", 7, NULL);
    assert_string_equal(objlist_domain_get_name(domain), "web1");
    assert_string_equal(objlist_domain_get_uuid(domain), UUID);
    assert_int_equal(objlist_domain_get_id(domain), 7);
    assert_null(objlist_domain_get_paths(domain));
    assert_int_equal(objlist_domain_get_state(domain), OBJLIST_DOMAIN_SHUT_OFF);
    assert_false(objlist_domain_has_job(domain));
}

static void
states_have_names_both_ways(void **state)
{
    (void)state;
    const char *names[] = {"shut-off", "starting", "running", "paused", "unknown", "incoming", "needs-operator"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        ObjlistDomainState parsed = OBJLIST_DOMAIN_SHUT_OFF;
        assert_string_equal(objlist_domain_state_to_string((ObjlistDomainState)i), names[i]);
        assert_true(objlist_domain_state_from_string(names[i], &parsed));
        assert_int_equal(parsed, i);
    }
    ObjlistDomainState untouched = OBJLIST_DOMAIN_PAUSED;
    assert_false(objlist_domain_state_from_string("Running", &untouched));
    assert_false(objlist_domain_state_from_string(NULL, &untouched));
    assert_int_equal(untouched, OBJLIST_DOMAIN_PAUSED);
}

static void
second_job_is_refused_and_names_the_first(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ObjlistDomain) domain = objlist_domain_new("web1", UUID, 7, NULL);
    assert_true(objlist_domain_begin_job(domain, "upgrade", 12, NULL));
    assert_true(objlist_domain_has_job(domain));
    assert_false(objlist_domain_begin_job(domain, "stop", 0, &error));
    assert_true(g_error_matches(error, OBJLIST_ERROR, OBJLIST_ERROR_BUSY));
    assert_non_null(strstr(error->message, "web1"));
    assert_non_null(strstr(error->message, "upgrade (job 12)"));
    objlist_domain_end_job(domain);
    assert_false(objlist_domain_has_job(domain));
    assert_true(objlist_domain_begin_job(domain, "stop", 0, NULL));
    g_clear_error(&error);
    assert_false(objlist_domain_begin_job(domain, "upgrade", 13, &error));
    assert_null(strstr(error->message, "(job"));
}

static void
count_destroyed(gpointer data)
{
    (*(int *)data)++;
}

static void
data_lives_as_long_as_the_last_reference(void **state)
{
    (void)state;
    int destroyed = 0;
    ObjlistDomain *domain = objlist_domain_new("web1", UUID, 7, NULL);
    objlist_domain_set_data(domain, &destroyed, count_destroyed);
    objlist_domain_ref(domain);
    objlist_domain_unref(domain);
    assert_int_equal(destroyed, 0);
    assert_ptr_equal(objlist_domain_get_data(domain), &destroyed);
    objlist_domain_unref(domain);
    assert_int_equal(destroyed, 1);
    objlist_domain_unref(NULL);
}

typedef struct {
    ObjlistDomain *domain;
    gint *holders;
    gint *taken;
} Contender;

static void *
contend(void *data)
{
    Contender *contender = data;
    for (int i = 0; i < 2000; i++) {
        if (!objlist_domain_begin_job(contender->domain, "work", 1, NULL))
            continue;
        if (g_atomic_int_add(contender->holders, 1) != 0)
            return NULL;
        g_atomic_int_inc(contender->taken);
        g_atomic_int_add(contender->holders, -1);
        objlist_domain_end_job(contender->domain);
    }
    return data;
}

static void
job_lock_has_one_holder_among_threads(void **state)
{
    (void)state;
    gint holders = 0, taken = 0;
    g_autoptr(ObjlistDomain) domain = objlist_domain_new("web1", UUID, 7, NULL);
    Contender contender = {domain, &holders, &taken};
    pthread_t threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, contend, &contender), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    assert_true(g_atomic_int_get(&taken) > 0);
    assert_false(objlist_domain_has_job(domain));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_domain_is_shut_off_and_idle),
        cmocka_unit_test(states_have_names_both_ways),
        cmocka_unit_test(second_job_is_refused_and_names_the_first),
        cmocka_unit_test(data_lives_as_long_as_the_last_reference),
        cmocka_unit_test(job_lock_has_one_holder_among_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
