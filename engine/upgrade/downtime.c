/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/downtime.h"

#include "qmp/json.h"

/* Adjusting the clock's speed (adjtimex(2): 500 ppm), and the time between two readings, are no setting of it. */
#define DRIFT_FLOOR_US 1000
#define DRIFT_PER_MILLE 1

/* On a busy node we may lose the processor between the two: what counts is the reading that took least. */
#define READINGS 8

static gint64
get_offset_us(void)
{
    gint64 offset_us = 0, least_us = G_MAXINT64;

    for (int i = 0; i < READINGS; i++) {
        gint64 begun_us = g_get_monotonic_time();
        gint64 real_us = g_get_real_time();
        gint64 taken_us = g_get_monotonic_time() - begun_us;
        if (taken_us >= least_us)
            continue;
        least_us = taken_us;
        offset_us = real_us - begun_us;
    }
    return offset_us;
}

void
upgrade_times_begin(UpgradeTimes *times)
{
    *times = (UpgradeTimes)UPGRADE_TIMES_UNKNOWN;
    times->begin_us = g_get_monotonic_time();
    times->begin_offset_us = get_offset_us();
}

void
upgrade_times_stop(UpgradeTimes *times, gint64 stop_us)
{
    times->stop_us = stop_us;
    times->stop_seen_us = g_get_monotonic_time();
}

void
upgrade_times_resume(UpgradeTimes *times, gint64 resume_us)
{
    times->resume_us = resume_us;
    times->resume_seen_us = g_get_monotonic_time();
    times->end_offset_us = get_offset_us();
}

/* What lies between the two dates must lie between the two looks as well, and the clock must have gone on as it was. */
static bool
dates_fit(const UpgradeTimes *times)
{
    gint64 downtime_us = times->resume_us - times->stop_us;

    if (times->stop_us < 0 || times->resume_us < 0 || downtime_us < 0)
        return false;
    if (times->begin_us < 0 || times->resume_seen_us < 0)
        return true; /* nothing speaks against it */
    gint64 elapsed_us = times->resume_seen_us - times->begin_us;
    gint64 drift_us = DRIFT_FLOOR_US + elapsed_us * DRIFT_PER_MILLE / 1000;
    return downtime_us <= elapsed_us + drift_us && ABS(times->end_offset_us - times->begin_offset_us) <= drift_us;
}

bool
upgrade_times_get_downtime(const UpgradeTimes *times, gint64 *ret_downtime_us, bool *ret_is_seen)
{
    *ret_is_seen = !dates_fit(times);
    if (!*ret_is_seen)
        *ret_downtime_us = times->resume_us - times->stop_us;
    else if (times->stop_seen_us >= 0 && times->resume_seen_us >= 0)
        *ret_downtime_us = MAX(times->resume_seen_us - times->stop_seen_us, 0); /* RESUME may be read first */
    else
        return false;
    return true;
}

static void
add(json_object *cookie, const char *key, gint64 value_us)
{
    if (value_us >= 0)
        qmp_json_add_int64(cookie, key, value_us);
}

void
upgrade_times_add_stop(const UpgradeTimes *times, json_object *cookie)
{
    add(cookie, "begin_us", times->begin_us);
    add(cookie, "begin_offset_us", times->begin_offset_us);
    add(cookie, "stop_us", times->stop_us);
    add(cookie, "stop_seen_us", times->stop_seen_us);
}

void
upgrade_times_add_resume(const UpgradeTimes *times, json_object *cookie)
{
    add(cookie, "resume_us", times->resume_us);
    add(cookie, "resume_seen_us", times->resume_seen_us);
    add(cookie, "end_offset_us", times->end_offset_us);
}

static void
read_time(json_object *cookie, const char *key, gint64 *ret_us)
{
    gint64 value_us = 0;

    if (qmp_json_get_int64(cookie, key, &value_us) && value_us >= 0 && value_us < G_MAXINT64 / 4)
        *ret_us = value_us;
}

void
upgrade_times_read(UpgradeTimes *times, json_object *perform, json_object *finish)
{
    read_time(perform, "begin_us", &times->begin_us);
    read_time(perform, "begin_offset_us", &times->begin_offset_us);
    read_time(perform, "stop_us", &times->stop_us);
    read_time(perform, "stop_seen_us", &times->stop_seen_us);
    read_time(finish, "resume_us", &times->resume_us);
    read_time(finish, "resume_seen_us", &times->resume_seen_us);
    read_time(finish, "end_offset_us", &times->end_offset_us);
}
