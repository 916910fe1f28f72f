/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long the guest stood still, whatever the time of day was made meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "qmp/json.h"
#include "upgrade/downtime.h"

#define HOUR_US (G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC)
#define OFFSET_US (G_GINT64_CONSTANT(1795255200) * G_USEC_PER_SEC)
#define MS(n) (G_GINT64_CONSTANT(1000) * (n))

/* Begun at 1 s of the monotonic clock, stopped at 1.100 and resumed at 1.105 s; each seen 2 ms later. */
static UpgradeTimes
make_times(void)
{
    return (UpgradeTimes){.begin_us = MS(1000),
                          .begin_offset_us = OFFSET_US,
                          .stop_us = OFFSET_US + MS(1100),
                          .stop_seen_us = MS(1102),
                          .resume_us = OFFSET_US + MS(1105),
                          .resume_seen_us = MS(1108),
                          .end_offset_us = OFFSET_US};
}

static void
expect(const UpgradeTimes *times, gint64 downtime_us, bool is_seen)
{
    gint64 found_us = -1;
    bool found_seen = !is_seen;

    assert_true(upgrade_times_get_downtime(times, &found_us, &found_seen));
    assert_int_equal(found_us, downtime_us);
    assert_int_equal(found_seen, is_seen);
}

static void
expect_unknown(const UpgradeTimes *times)
{
    gint64 downtime_us = 0;
    bool is_seen = false;

    assert_false(upgrade_times_get_downtime(times, &downtime_us, &is_seen));
}

static void
dates_of_the_events_count(void **state G_GNUC_UNUSED)
{
    UpgradeTimes times = make_times();

    expect(&times, MS(5), false);
    times.end_offset_us += 900; /* the clock is only a little fast */
    expect(&times, MS(5), false);
}

static void
clock_that_was_set_in_between(void **state G_GNUC_UNUSED)
{
    static const gint64 steps_us[] = {-HOUR_US, HOUR_US, -MS(6), -MS(3), MS(3), MS(50)};

    for (size_t i = 0; i < G_N_ELEMENTS(steps_us); i++) {
        UpgradeTimes times = make_times();
        times.resume_us += steps_us[i];
        times.end_offset_us += steps_us[i];
        expect(&times, MS(6), true);
    }
}

/* Only one of the QEMUs lives in another time: the engine's clock tells nothing. */
static void
dates_that_cannot_be(void **state G_GNUC_UNUSED)
{
    static const gint64 steps_us[] = {-HOUR_US, HOUR_US, -MS(6), MS(150)};

    for (size_t i = 0; i < G_N_ELEMENTS(steps_us); i++) {
        UpgradeTimes times = make_times();
        times.resume_us += steps_us[i];
        expect(&times, MS(6), true);
    }
}

static void
resume_that_is_read_before_stop(void **state G_GNUC_UNUSED)
{
    UpgradeTimes times = make_times();

    times.resume_seen_us = times.stop_seen_us - 10;
    expect(&times, MS(5), false);
    times.resume_us = times.stop_us - 1;
    expect(&times, 0, true);
}

static void
what_is_not_known_is_not_told(void **state G_GNUC_UNUSED)
{
    UpgradeTimes never = UPGRADE_TIMES_UNKNOWN, not_resumed = make_times(), without_looks = make_times();

    expect_unknown(&never);
    not_resumed.resume_us = not_resumed.resume_seen_us = -1;
    expect_unknown(&not_resumed);
    without_looks.begin_us = without_looks.stop_seen_us = without_looks.resume_seen_us = -1; /* an older engine's record */
    expect(&without_looks, MS(5), false);
    without_looks.resume_us -= HOUR_US;
    expect_unknown(&without_looks);
}

static void
times_survive_in_the_cookies(void **state G_GNUC_UNUSED)
{
    const UpgradeTimes times = make_times();
    UpgradeTimes read = UPGRADE_TIMES_UNKNOWN;
    g_autoptr(json_object) perform = json_object_new_object(), finish = json_object_new_object();

    upgrade_times_add_stop(&times, perform);
    upgrade_times_add_resume(&times, finish);
    upgrade_times_read(&read, perform, finish);
    assert_memory_equal(&read, &times, sizeof times);
    json_object_object_add(finish, "resume_us", json_object_new_int64(-5));
    read = (UpgradeTimes)UPGRADE_TIMES_UNKNOWN;
    upgrade_times_read(&read, perform, finish);
    assert_int_equal(read.resume_us, -1);
    read = (UpgradeTimes)UPGRADE_TIMES_UNKNOWN;
    upgrade_times_read(&read, NULL, NULL);
    expect_unknown(&read);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_of_the_events_count),
        cmocka_unit_test(clock_that_was_set_in_between),
        cmocka_unit_test(dates_that_cannot_be),
        cmocka_unit_test(resume_that_is_read_before_stop),
        cmocka_unit_test(what_is_not_known_is_not_told),
        cmocka_unit_test(times_survive_in_the_cookies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
