/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the guest stood still. QEMU dates its events with the host's time of day, which may be set in between: then what
 * the engine saw, on a clock that nobody sets, has to do.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

/* Microseconds; -1: not known. "Seen" is when the engine was told, on the monotonic clock. */
typedef struct {
    gint64 begin_us, begin_offset_us;        /* before STOP can come: monotonic; the time of day less that */
    gint64 stop_us, stop_seen_us;            /* STOP of the source: its own date; seen */
    gint64 resume_us, resume_seen_us;        /* RESUME of the target */
    gint64 end_offset_us;                    /* as begin_offset_us, when RESUME was seen */
} UpgradeTimes;

#define UPGRADE_TIMES_UNKNOWN \
    {.begin_us = -1, .stop_us = -1, .stop_seen_us = -1, .resume_us = -1, .resume_seen_us = -1}

void upgrade_times_begin(UpgradeTimes *times);
void upgrade_times_stop(UpgradeTimes *times, gint64 stop_us);
void upgrade_times_resume(UpgradeTimes *times, gint64 resume_us);

/*
 * FALSE when it is not known. RET_IS_SEEN: the events' dates do not fit together, for the time of day was set between them, and
 * it is the time between the engine's hearing of the one and of the other (a millisecond or so off, more on a busy host).
 */
bool upgrade_times_get_downtime(const UpgradeTimes *times, gint64 *ret_downtime_us, bool *ret_is_seen);

/* Into the cookie of Perform (up to STOP) or Finish (RESUME), and out of both; what they lack is left as it is. */
void upgrade_times_add_stop(const UpgradeTimes *times, json_object *cookie);
void upgrade_times_add_resume(const UpgradeTimes *times, json_object *cookie);
void upgrade_times_read(UpgradeTimes *times, json_object *perform, json_object *finish);
