/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qmp/event-queue.h"

#define MIB ((size_t)1 << 20)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpEventQueue, qmp_event_queue_free)

static void
push(QmpEventQueue *queue, const char *name, size_t cost_bytes, gint64 timestamp_us)
{
    QmpEvent *event = g_new0(QmpEvent, 1);

    event->name = g_strdup(name);
    event->timestamp_us = timestamp_us;
    qmp_event_queue_push(queue, event, cost_bytes);
}

/* Takes out the oldest event called NAME and gives its timestamp; -1 when there is none. */
static gint64
pop(QmpEventQueue *queue, const char *name)
{
    g_autoptr(QmpEvent) event = qmp_event_queue_pop(queue, name);

    return event ? event->timestamp_us : -1;
}

static void
events_come_out_in_order_vital_or_not(void **state)
{
    g_autoptr(QmpEventQueue) queue = qmp_event_queue_new();

    (void)state;
    push(queue, "A", 1, 0);
    push(queue, "STOP", 1, 1);
    push(queue, "A", 1, 2);
    push(queue, "RESUME", 1, 3);
    push(queue, "STOP", 1, 4);
    assert_int_equal(pop(queue, "STOP"), 1);
    assert_int_equal(pop(queue, NULL), 0);
    assert_int_equal(pop(queue, NULL), 2);
    assert_int_equal(pop(queue, "A"), -1);
    assert_int_equal(pop(queue, NULL), 3);
    assert_int_equal(pop(queue, NULL), 4);
    assert_int_equal(pop(queue, NULL), -1);
}

static void
number_is_bounded_and_the_rest_goes_first(void **state)
{
    g_autoptr(QmpEventQueue) queue = qmp_event_queue_new();

    (void)state;
    push(queue, "MIGRATION", 1, 0);
    for (gint64 i = 1; i <= 2000; i++)
        push(queue, "A", 1, i);
    assert_int_equal(pop(queue, "MIGRATION"), 0);
    assert_int_equal(pop(queue, "A"), 2000 - 1023 + 1);

    for (gint64 i = 1; i <= 2000; i++)
        push(queue, "GUEST_PANICKED", 1, i);
    assert_int_equal(pop(queue, "A"), -1);
    assert_int_equal(pop(queue, NULL), 2000 - 1024 + 1);
}

static void
memory_is_bounded(void **state)
{
    g_autoptr(QmpEventQueue) queue = qmp_event_queue_new();

    (void)state;
    push(queue, "STOP", MIB, 0);
    for (gint64 i = 1; i <= 100; i++)
        push(queue, "A", MIB, i);
    assert_int_equal(pop(queue, "STOP"), 0);
    assert_int_equal(pop(queue, "A"), 100 - 15 + 1);

    /* What was taken out makes room again. */
    while (pop(queue, NULL) >= 0)
        ;
    push(queue, "B", 15 * MIB, 1);
    push(queue, "C", MIB, 2);
    assert_int_equal(pop(queue, NULL), 1);

    /* What fits at no price leaves nothing behind, not even itself. */
    push(queue, "STOP", 17 * MIB, 3);
    assert_int_equal(pop(queue, NULL), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_out_in_order_vital_or_not),
        cmocka_unit_test(number_is_bounded_and_the_rest_goes_first),
        cmocka_unit_test(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
