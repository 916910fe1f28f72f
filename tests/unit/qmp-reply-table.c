/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qmp/client.h"
#include "qmp/json.h"
#include "qmp/reply-table.h"

#define MIB ((size_t)1 << 20)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpReplyTable, qmp_reply_table_free)

static void
answer(QmpReplyTable *table, guint64 id, size_t cost_bytes)
{
    qmp_reply_table_answer(table, id, json_object_new_uint64(id), NULL, cost_bytes);
}

static void
a_reply_is_taken_once(void **state)
{
    g_autoptr(QmpReplyTable) table = qmp_reply_table_new();
    g_autoptr(json_object) result = NULL;

    (void)state;
    assert_true(qmp_reply_table_expect(table, 7));
    assert_int_equal(qmp_reply_table_get_state(table, 7), QMP_REPLY_WAITING);
    answer(table, 7, 1);
    answer(table, 7, 1); /* twice: the first counts */
    answer(table, 8, 1); /* nobody asked */
    assert_int_equal(qmp_reply_table_get_state(table, 7), QMP_REPLY_ANSWERED);
    assert_int_equal(qmp_reply_table_get_state(table, 8), QMP_REPLY_UNKNOWN);
    assert_true(qmp_reply_table_take(table, 7, &result, NULL));
    assert_int_equal(json_object_get_int(result), 7);
    assert_int_equal(qmp_reply_table_get_state(table, 7), QMP_REPLY_UNKNOWN);
}

static void
a_failure_leaves_the_result_untouched(void **state)
{
    g_autoptr(QmpReplyTable) table = qmp_reply_table_new();
    g_autoptr(GError) error = NULL;
    json_object *result = NULL;

    (void)state;
    assert_true(qmp_reply_table_expect(table, 1));
    qmp_reply_table_answer(table, 1, NULL,
                           g_error_new_literal(QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE, "no"), 1);
    assert_false(qmp_reply_table_take(table, 1, &result, &error));
    assert_null(result);
    assert_string_equal(error->message, "no");
}

static void
the_oldest_waiting_is_known(void **state)
{
    g_autoptr(QmpReplyTable) table = qmp_reply_table_new();

    (void)state;
    assert_int_equal(qmp_reply_table_get_oldest(table), 0);
    for (guint64 id = 1; id <= 3; id++)
        assert_true(qmp_reply_table_expect(table, id));
    answer(table, 1, 1);
    assert_int_equal(qmp_reply_table_get_oldest(table), 2);
    qmp_reply_table_forget(table, 2);
    assert_int_equal(qmp_reply_table_get_oldest(table), 3);
}

static void
number_is_bounded_and_waiting_ones_stay(void **state)
{
    g_autoptr(QmpReplyTable) table = qmp_reply_table_new();

    (void)state;
    for (guint64 id = 1; id <= 256; id++)
        assert_true(qmp_reply_table_expect(table, id));
    assert_false(qmp_reply_table_expect(table, 257));
    answer(table, 100, 1);
    assert_true(qmp_reply_table_expect(table, 257));
    assert_int_equal(qmp_reply_table_get_state(table, 100), QMP_REPLY_UNKNOWN);
    assert_int_equal(qmp_reply_table_get_state(table, 1), QMP_REPLY_WAITING);
}

static void
memory_is_bounded_but_the_newest_stays(void **state)
{
    g_autoptr(QmpReplyTable) table = qmp_reply_table_new();

    (void)state;
    for (guint64 id = 1; id <= 10; id++) {
        assert_true(qmp_reply_table_expect(table, id));
        answer(table, id, 10 * MIB);
    }
    for (guint64 id = 1; id <= 10; id++)
        assert_int_equal(qmp_reply_table_get_state(table, id),
                         id <= 4 ? QMP_REPLY_UNKNOWN : QMP_REPLY_ANSWERED);
    assert_true(qmp_reply_table_expect(table, 11));
    answer(table, 11, 100 * MIB);
    assert_int_equal(qmp_reply_table_get_state(table, 10), QMP_REPLY_UNKNOWN);
    assert_int_equal(qmp_reply_table_get_state(table, 11), QMP_REPLY_ANSWERED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_taken_once),
        cmocka_unit_test(a_failure_leaves_the_result_untouched),
        cmocka_unit_test(the_oldest_waiting_is_known),
        cmocka_unit_test(number_is_bounded_and_waiting_ones_stay),
        cmocka_unit_test(memory_is_bounded_but_the_newest_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
