/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that misbehaves, on either side of an upgrade (misbehave-peer.c). After each the guest goes on in one QEMU, the
 * engine has kept to the time it was given and within its memory, nothing is left, and the next upgrade works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* What the engine may need on top of an upgrade, with a peer that would make it take 1 GB. */
#define MEMORY_MAX_KIB (64 * 1024)
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true /* what is freed stays for a while, to find who uses it */
#else
#define IS_SANITIZED false
#endif
/* --timeout, and what the way back may add to it. */
#define TIMEOUT "4"
/* Where nothing is waited for in vain. */
#define LONG_TIMEOUT "30"

/* For so long an engine that starts waits for each answer (STATUS_TIMEOUT_MS of node/startup.c), and otherwise not nearly. */
#define UNANSWERED_US (2 * G_USEC_PER_SEC)

typedef struct {
    const char *name;
    const char *when, *what; /* of the peer */
    int status;
    const char *outcome, *code, *words; /* NULL: any */
    unsigned way_back_s; /* at most, behind --timeout */
    const HarnessSpec *spec; /* NULL: the tiny guest */
} Row;

static const char *
make_peer(HarnessEngine *engine, const char *name, HarnessBuild build, const Row *row, pid_t other)
{
    return harness_script(engine, name, "exec '%s' '%s' '%s' '%s' %d -- \"$@\"", MISBEHAVE_PEER, harness_build(build),
                          row->when, row->what, (int)other);
}

static guint64
read_peak_kib(const HarnessEngine *engine)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", engine->moultd->pid);
    g_autofree char *text = NULL;
    const char *line;

    assert_true(g_file_get_contents(path, &text, NULL, NULL) && (line = strstr(text, "VmHWM:")));
    return g_ascii_strtoull(line + strlen("VmHWM:"), NULL, 10);
}

static HarnessReply *
upgrade_within(HarnessGuest *guest, const char *to, const Row *row, const char *timeout)
{
    gint64 started_us = g_get_monotonic_time();
    guint64 before_kib = read_peak_kib(guest->engine);
    HarnessReply *reply =
        moult(guest->engine, "upgrade", guest->name, "--to", to, "--timeout", timeout, "--json", NULL);
    gint64 took_ms = (g_get_monotonic_time() - started_us) / 1000;
    guint64 grown_kib = read_peak_kib(guest->engine) - before_kib;

    print_message("%s: %d.%03d s, %d KiB more: %s\n", row->name, (int)(took_ms / 1000), (int)(took_ms % 1000),
                  (int)grown_kib, reply->text);
    assert_in_range(took_ms, 0, (g_ascii_strtoll(timeout, NULL, 10) + row->way_back_s) * 1000);
    if (!IS_SANITIZED && !row->spec) /* how fast it can copy is tried out with some, too */
        assert_in_range(grown_kib, 0, MEMORY_MAX_KIB);
    return reply;
}

static HarnessReply *
upgrade_in_time(HarnessGuest *guest, const char *to, const Row *row)
{
    return upgrade_within(guest, to, row, TIMEOUT);
}

/* ---- The target misbehaves ---- */

/* clang-format off */
static const Row targets[] = {
    {"target-hangs-at-start", "start", "hang", EXIT_TIMED_OUT, "rolled-back", "qemu-monitor", "no greeting", 6},
    {"target-ends-at-start", "start", "exit", EXIT_FAILED, "rolled-back", "qemu-start", "ends as it was told", 0},
    {"target-closes", "accept", "close", EXIT_FAILED, "rolled-back", "qemu-monitor", "closed", 0},
    {"target-drips", "accept", "drip", EXIT_TIMED_OUT, "rolled-back", "qemu-monitor", "no answer in time", 6},
    {"target-greets-with-garbage", "accept", "garbage", EXIT_FAILED, "rolled-back", "qemu-monitor", "invalid message", 0},
    {"target-greets-with-a-gigabyte", "accept", "gigabyte", EXIT_FAILED, "rolled-back", "qemu-monitor", "too long", 0},
    {"target-sends-events-without-end", ">qom-get", "events-without-end", EXIT_TIMED_OUT, "rolled-back", "qemu-monitor",
        "no answer in time", 6},
    {"target-answers-garbage", ">qom-get", "garbage", EXIT_FAILED, "rolled-back", "qemu-monitor", "invalid message", 0},
    {"target-answers-a-gigabyte", ">qom-get", "gigabyte", EXIT_FAILED, "rolled-back", "qemu-monitor", "too long", 0},
    {"target-hangs-at-capabilities", ">migrate-set-cap", "hang", EXIT_TIMED_OUT, "rolled-back", "capabilities", NULL, 6},
    {"target-hangs-at-incoming", ">migrate-incoming", "hang", EXIT_TIMED_OUT, "rolled-back", "migrate-incoming", NULL, 6},
    {"target-ends-at-incoming", ">migrate-incoming", "exit", EXIT_FAILED, "rolled-back", "migrate-incoming", NULL, 6},
    {"target-stops-as-it-loads", "load", "stop", EXIT_TIMED_OUT, "rolled-back", "migration", NULL, 40},
    {"target-ends-as-it-loads", "load", "exit", EXIT_FAILED, "rolled-back", "migration-failed", NULL, 10},
};
/* clang-format on */

static void
test_target(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    const char *peer = make_peer(engine, "peer", BUILD_SECOND, row, guest->pid);
    g_autoptr(HarnessReply) reply = upgrade_in_time(guest, peer, row);

    assert_outcome(reply, row->status, row->outcome, row->code, row->words);
    harness_guest_check_rolled_back(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* ---- The source misbehaves: what stands before its monitor does, and serves the next connection ---- */

/* clang-format off */
static const Row sources[] = {
    {"source-closes-as-it-is-asked", ">query-migrate-cap", "close", EXIT_REFUSED, "refused", "monitor", "closed", 0},
    {"source-has-no-capability", ">query-migrate-cap", "empty-list", EXIT_REFUSED, "refused", "capability-missing", NULL, 0},
    {"source-closes-at-migrate", ">\"migrate\"", "close", EXIT_FAILED, "rolled-back", "migrate", "closed", 30},
    {"source-answers-migrate-with-garbage", ">\"migrate\"", "garbage", EXIT_FAILED, "rolled-back", "migrate",
        "invalid message", 30},
    {"source-answers-migrate-with-a-gigabyte", ">\"migrate\"", "gigabyte", EXIT_FAILED, "rolled-back", "migrate",
        "too long", 30},
    {"source-hangs-as-it-is-asked", ">query-migrate-cap", "deaf", EXIT_TIMED_OUT, "rolled-back", "timeout", NULL, 10},
    {"source-hangs-at-migrate", ">\"migrate\"", "deaf", EXIT_TIMED_OUT, "rolled-back", "migrate", "no answer in time", 20},
    {"source-drips-at-migrate", ">\"migrate\"", "drip-on", EXIT_TIMED_OUT, "rolled-back", "migrate", "no answer in time", 20},
    {"source-loses-the-migration-socket", ">\"migrate\"", "unlink", EXIT_FAILED, "rolled-back", "migration-failed",
        "No such file", 10},
};
/* clang-format on */

/* `moult run` of GUEST with the peer for its QEMU. */
static HarnessReply *
launch_behind_peer(HarnessGuest *guest, const Row *row)
{
    return harness_guest_launch(guest, make_peer(guest->engine, "peer", BUILD_INSTALLED, row, 0), "run", "--json", NULL);
}

static HarnessGuest *
run_behind_peer(HarnessEngine *engine, const Row *row)
{
    HarnessGuest *guest = harness_guest_new(engine, "guest", row->spec ? row->spec : &harness_tiny);
    g_autoptr(HarnessReply) reply = launch_behind_peer(guest, row);

    assert_status(reply, EXIT_DONE);
    harness_guest_await(guest);
    return guest;
}

static void
test_source(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = run_behind_peer(engine, row);
    g_autoptr(HarnessReply) reply = upgrade_in_time(guest, harness_build(BUILD_SECOND), row);

    assert_outcome(reply, row->status, row->outcome, row->code, row->words);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* ---- The source misbehaves, and the upgrade goes on without a word of it ---- */

/* clang-format off */
static const Row heard_nothing[] = {
    /* It never says that it has handed over; the target says that it has the guest. */
    {"source-sends-events-without-end-behind-stop", "<\"STOP\"", "events-without-end", EXIT_DONE, "upgraded", NULL, NULL, 6},
    {"source-sends-a-million-events", "<\"STOP\"", "million-events", EXIT_DONE, "upgraded", NULL, NULL, 10},
};
/* clang-format on */

static void
test_source_that_is_done_with(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = run_behind_peer(engine, row);
    g_autoptr(HarnessReply) reply = upgrade_in_time(guest, harness_build(BUILD_SECOND), row);

    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    harness_guest_check(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_engine_finish(engine);
}

/* ---- The source dies: the target may run the guest if, and only if, it has the whole of it ---- */

/* Far more than is sent in the moment that it takes to act: its memory is copied. */
static const HarnessSpec private = {
    .machine = "pc-q35-7.2,memory-backend=m0",
    .ram_mib = 1024,
    .arguments = "-object memory-backend-file,id=m0,size=1024M,share=off,mem-path=@folder@/ram",
};

/* clang-format off */
static const Row deaths[] = {
    {"source-dies-as-the-target-loads", "<\"status\": \"active\"", "kill-other", EXIT_FAILED, "failed", "guest-ended", NULL, 6},
    {"source-dies-as-the-target-has-it-all", "<\"status\": \"completed\"", "kill-other", EXIT_DONE, "upgraded", NULL, NULL, 6},
};
/* clang-format on */

static void
test_death(void **state)
{
    const Row *row = *state;
    bool is_whole = row->status == EXIT_DONE;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_SECOND, is_whole ? &harness_tiny : &private);
    const char *peer = make_peer(engine, "peer", BUILD_SECOND, row, guest->pid);
    g_autoptr(HarnessReply) reply = upgrade_within(guest, peer, row, LONG_TIMEOUT);

    if (is_whole) {
        harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
        harness_guest_check(guest);
    } else {
        assert_outcome(reply, row->status, row->outcome, row->code, row->words);
        harness_guest_await_gone(guest);
    }
    harness_engine_finish(engine);
}

/* The connection on which the memory is sent breaks in the middle. */
static void
test_stream_breaks(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_SECOND, &private);
    const char *peer = make_peer(engine, "peer", BUILD_SECOND, row, guest->pid);
    g_autoptr(HarnessReply) reply = upgrade_within(guest, peer, row, LONG_TIMEOUT);

    assert_outcome(reply, row->status, row->outcome, row->code, row->words);
    harness_guest_check_untouched(guest);
    g_autoptr(HarnessReply) again =
        moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_status(again, EXIT_DONE);
    harness_guest_await(guest);
    harness_engine_finish(engine);
}

static const Row streams[] = {
    {"migration-stream-breaks", "<\"status\": \"active\"", "break-stream", EXIT_FAILED, "rolled-back", "migration-failed",
     NULL, 6},
};

/* ---- One question is lost, how the guest stands, in each place where that is asked ---- */

/* A QEMU 7.2 stops it first, as it loses pages in a live copy. */
static const HarnessSpec small = {
    .machine = "pc-q35-7.2,memory-backend=m0",
    .ram_mib = 256,
    .arguments = "-object memory-backend-file,id=m0,size=256M,share=off,mem-path=@folder@/ram",
};

/* clang-format off */
static const Row lost_by_target[] = {
    /* As a proof; as the guest's state is noted. Its events say what there is to know. */
    {"target-loses-question-1", "1>query-status", "swallow", EXIT_DONE, "upgraded", NULL, NULL, 30},
    {"target-loses-question-2", "2>query-status", "swallow", EXIT_DONE, "upgraded", NULL, NULL, 30},
};
static const Row lost_at_start[] = {
    {"start-loses-question", "1>query-status", "swallow", EXIT_TIMED_OUT, NULL, "start", "query-status", 0},
};
/* The second is asked by the engine that finds it running. */
static const Row lost_by_next_engine[] = {
    {"next-engine-loses-question", "2>query-status", "swallow", EXIT_DONE, NULL, NULL, NULL, 0},
};
/* The first is asked as the guest is started; before the hand-over two; then a target that ends as it loads leads to more. */
static const Row lost_by_source[] = {
    {"source-loses-question-2", "2>query-status", "swallow", EXIT_REFUSED, "refused", "monitor", "query-status", 30},
    {"source-loses-question-3", "3>query-status", "swallow", EXIT_TIMED_OUT, "rolled-back", "capabilities", "query-status", 30},
    {"source-loses-question-4", "4>query-status", "swallow", EXIT_FAILED, "rolled-back", "migration-failed", NULL, 30},
    {"source-loses-question-5", "5>query-status", "swallow", EXIT_FAILED, "rolled-back", "migration-failed", NULL, 30},
    {"source-loses-question-6", "6>query-status", "swallow", EXIT_FAILED, "rolled-back", "migration-failed", NULL, 30},
    {"source-loses-question-7", "7>query-status", "swallow", EXIT_FAILED, "rolled-back", "migration-failed", NULL, 30},
    {"source-loses-question-7-of-a-guest-that-stands", "7>query-status", "swallow", EXIT_FAILED, "rolled-back",
        "migration-failed", NULL, 30, &small},
};
/* clang-format on */

static void
test_lost_by_target(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    const char *peer = make_peer(engine, "peer", BUILD_SECOND, row, guest->pid);
    g_autoptr(HarnessReply) reply = upgrade_within(guest, peer, row, LONG_TIMEOUT);

    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    harness_guest_check(guest);
    harness_guest_check_capabilities(guest);
    harness_engine_finish(engine);
}

/* It is taken back, and the name is free. */
static void
test_lost_at_start(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(engine, "guest", &harness_tiny);
    g_autoptr(HarnessReply) reply = launch_behind_peer(guest, row);

    assert_refusal(reply, row->status, row->code, row->words);
    g_ptr_array_remove(engine->guests, guest);
    harness_engine_check(engine);
    guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* Nothing is done to it, for it may well run. */
static void
test_lost_by_next_engine(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = run_behind_peer(engine, *state);

    harness_engine_kill(engine);
    gint64 started_us = g_get_monotonic_time();
    harness_engine_start(engine, NULL);
    assert_true(g_get_monotonic_time() - started_us >= UNANSWERED_US);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
test_lost_by_source(void **state)
{
    static const Row ends_as_it_loads = {.when = "load", .what = "exit"};
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = run_behind_peer(engine, row);
    const char *target = make_peer(engine, "target", BUILD_SECOND, &ends_as_it_loads, 0);
    g_autoptr(HarnessReply) reply = upgrade_within(guest, target, row, LONG_TIMEOUT);

    assert_outcome(reply, row->status, row->outcome, row->code, row->words);
    harness_guest_check_untouched(guest);
    if (!row->spec) /* a copy is not shown to work here once more */
        harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* ---- The guest stands still for its copy, and the target hangs: 5 s, and the way back ---- */

/* On a busy machine. What it is far from is --timeout. */
#define STALLED_MAX_MS 40000

static void
test_copy_stands(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &small);
    const char *peer = make_peer(engine, "peer", BUILD_SECOND, row, guest->pid);
    gint64 started_us = g_get_monotonic_time();
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to", peer, "--timeout=600", "--json", NULL);

    assert_in_range((g_get_monotonic_time() - started_us) / 1000, 0, STALLED_MAX_MS);
    assert_outcome(reply, row->status, row->outcome, row->code, row->words);
    harness_guest_check_untouched(guest);
    harness_engine_finish(engine);
}

/* clang-format off */
static const Row copies[] = {
    {"target-stops-in-the-copy-of-a-guest-that-stands", "<\"status\": \"active\"", "stop", EXIT_TIMED_OUT, "rolled-back",
        "migration", "takes no more", 0},
};
/* clang-format on */

/* ---- All of them ---- */

static const struct {
    const Row *rows;
    size_t n_rows;
    CMUnitTestFunction function;
} groups[] = {
    {targets, G_N_ELEMENTS(targets), test_target},
    {sources, G_N_ELEMENTS(sources), test_source},
    {heard_nothing, G_N_ELEMENTS(heard_nothing), test_source_that_is_done_with},
    {deaths, G_N_ELEMENTS(deaths), test_death},
    {streams, G_N_ELEMENTS(streams), test_stream_breaks},
    {lost_by_target, G_N_ELEMENTS(lost_by_target), test_lost_by_target},
    {lost_at_start, G_N_ELEMENTS(lost_at_start), test_lost_at_start},
    {lost_by_next_engine, G_N_ELEMENTS(lost_by_next_engine), test_lost_by_next_engine},
    {lost_by_source, G_N_ELEMENTS(lost_by_source), test_lost_by_source},
    {copies, G_N_ELEMENTS(copies), test_copy_stands},
};

int
main(int argc, char **argv)
{
    g_autoptr(GArray) tests = g_array_new(FALSE, TRUE, sizeof(struct CMUnitTest));

    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        for (size_t j = 0; j < groups[i].n_rows; j++) {
            const Row *row = &groups[i].rows[j];
            const struct CMUnitTest test = {.name = row->name,
                                            .test_func = groups[i].function,
                                            .teardown_func = harness_teardown,
                                            .initial_state = (void *)row};
            g_array_append_val(tests, test);
        }
    }
    return harness_main(argc, argv, (const struct CMUnitTest *)(const void *)tests->data, tests->len);
}
