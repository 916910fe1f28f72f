/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The time of day is set while guests are upgraded: deadlines hold, what is told of the downtime is true, the history is in the
 * order in which things happened. It is set for one program at a time (other-clock.c), never for the machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gate.h"
#include "harness.h"

#define HOUR_US (G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC)
/* The tiny guest stands still for some milliseconds; no busy machine makes this of it. */
#define DOWNTIME_MAX_MS 60000

typedef struct {
    char *path;
    gint64 *offset_us; /* what is added to the time of day of those that were started with it */
} Clock;

static Clock
clock_new(HarnessEngine *engine, const char *name, gint64 offset_us)
{
    Clock clock = {.path = g_build_filename(engine->folder, name, NULL)};

    assert_true(g_file_set_contents_full(clock.path, (const char *)&offset_us, sizeof(offset_us), G_FILE_SET_CONTENTS_NONE,
                                         0644, NULL));
    int fd = open(clock.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    clock.offset_us = mmap(NULL, sizeof(*clock.offset_us), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(clock.offset_us, MAP_FAILED);
    close(fd);
    return clock;
}

static void
clock_free(Clock *clock)
{
    munmap(clock->offset_us, sizeof(*clock->offset_us));
    g_free(clock->path);
}

static double
downtime_of(const HarnessReply *reply)
{
    json_object *value = NULL;

    if (!json_object_object_get_ex(reply_result(reply), "downtime_ms", &value) || !value)
        fail_msg("no downtime is told: %s", reply->text);
    return json_object_get_double(value);
}

/* The source's STOP and the target's RESUME are of two times of day. */
static void
upgrade_to_another_time(gint64 offset_us)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    Clock clock = clock_new(engine, "clock", offset_us);
    const char *target = harness_script(engine, "target", "export LD_PRELOAD='%s' OTHER_CLOCK='%s'\nexec '%s' \"$@\"",
                                        OTHER_CLOCK_LIBRARY, clock.path, harness_build(BUILD_SECOND));

    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to", target, "--json", NULL);
    assert_status(reply, EXIT_DONE);
    harness_guest_look_up(guest);
    harness_guest_check(guest);
    double downtime_ms = downtime_of(reply);
    if (downtime_ms < 0 || downtime_ms > DOWNTIME_MAX_MS)
        fail_msg("a downtime of %g ms", downtime_ms);
    const char *message = qmp_json_get_string(reply_result(reply), "message");
    if (!message || !strstr(message, "clock"))
        fail_msg("that the clock was set is not told: %s", reply->text);
    *clock.offset_us = 0;
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_engine_finish(engine);
    clock_free(&clock);
}

static void
set_back_between_stop_and_resume(void **state G_GNUC_UNUSED)
{
    upgrade_to_another_time(-HOUR_US);
}

static void
set_forward_between_stop_and_resume(void **state G_GNUC_UNUSED)
{
    upgrade_to_another_time(HOUR_US);
}

/* ---- The engine's own ---- */

static HarnessEngine *
start_engine_with_clock(Clock *clock)
{
    HarnessEngine *engine = harness_engine_prepare();

    *clock = clock_new(engine, "clock", 0);
    g_setenv("LD_PRELOAD", OTHER_CLOCK_LIBRARY, TRUE);
    g_setenv("OTHER_CLOCK", clock->path, TRUE);
    harness_engine_start(engine, NULL);
    g_unsetenv("LD_PRELOAD");
    g_unsetenv("OTHER_CLOCK");
    return engine;
}

/* Numbers of the new instances only grow: the order in which things happened. */
static void
check_history(HarnessEngine *engine, size_t n_wanted)
{
    g_autoptr(HarnessReply) reply = moult(engine, "history", "--json", NULL);
    json_object *entries = qmp_json_get_array(reply->output, "entries");
    guint64 last_id = 0;
    bool went_back = false;
    const char *last_time = "";

    assert_non_null(entries);
    assert_int_equal(json_object_array_length(entries), n_wanted);
    for (size_t i = 0; i < n_wanted; i++) {
        json_object *entry = json_object_array_get_idx(entries, i);
        const char *time = qmp_json_get_string(entry, "time");
        guint64 id = 0;
        assert_true(qmp_json_get_uint64(entry, "old_id", &id));
        assert_true(id >= last_id);
        went_back = went_back || strcmp(time, last_time) < 0;
        last_id = id;
        last_time = time;
    }
    assert_true(went_back); /* or the clock was not set at all */
}

static void
set_while_guests_are_upgraded(void **state G_GNUC_UNUSED)
{
    Clock clock;
    HarnessEngine *engine = start_engine_with_clock(&clock);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    g_autoptr(Gate) gate = gate_new(engine, BUILD_SECOND);

    harness_guest_upgrade(guest, BUILD_SECOND);
    for (unsigned i = 0; i < 2; i++) { /* back a day, then forward a day past any deadline */
        Program *program = moult_start(engine, "upgrade", "guest", "--to", gate->script, "--timeout", "60", "--json", NULL);
        gate_await(gate);
        *clock.offset_us = (i == 0 ? -24 : 24) * HOUR_US;
        gate_open(gate);
        g_autoptr(HarnessReply) reply = moult_finish(program);
        harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
        assert_true(downtime_of(reply) >= 0 && downtime_of(reply) < DOWNTIME_MAX_MS);
        harness_guest_check(guest);
    }
    *clock.offset_us = 0;
    /* A deadline is not put off by a clock that is set back. */
    Program *program = moult_start(engine, "upgrade", "guest", "--to", gate->script, "--timeout", "1", "--json", NULL);
    gate_await(gate);
    *clock.offset_us = -24 * HOUR_US;
    g_autoptr(HarnessReply) late = moult_finish(program);
    assert_status(late, EXIT_TIMED_OUT);
    harness_guest_check_untouched(guest);
    check_history(engine, 4);
    /* Nor does the next engine mind what it finds dated tomorrow. */
    harness_engine_kill(engine);
    harness_engine_start(engine, NULL);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
    clock_free(&clock);
}

/* Where the engine is built with AddressSanitizer, what is loaded first is not that, but the other clock. */
static void
allow_another_first(void)
{
    const char *options = g_getenv("ASAN_OPTIONS");
    g_autofree char *more = g_strconcat(options ? options : "", options ? ":" : "", "verify_asan_link_order=0", NULL);

    g_setenv("ASAN_OPTIONS", more, TRUE);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(set_back_between_stop_and_resume),
        HARNESS_TEST(set_forward_between_stop_and_resume),
        HARNESS_TEST(set_while_guests_are_upgraded),
    };

    allow_another_first();
    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
