/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness-private.h"
#include "processes.h"
#include "scene.h"

#define POLL_US 2000
/* From where nothing is in the way any more until the guest has been taken up. */
#define SOON_US (10 * G_USEC_PER_SEC)
#define KILL_MS 10000
/* What a target that hangs may cost: UPGRADE_TIMEOUT_RUN_MS, and a GLANCE at each of the two; what it takes to kill and to
   resume; and a busy machine. */
#define STANDSTILL_MAX_MS (5000 + 2 * 1000 + 2000)

/* ---- The table ---- */

char **
scene_list_points(void)
{
    const char *argv[] = {CRASH_MOULTD, "--list-crash-points", NULL};
    g_autofree char *output = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status, &error))
        fail_msg("%s", error->message);
    assert_int_equal(status, 0);
    return g_strsplit(g_strchomp(output), "\n", -1);
}

bool
scene_point_is(const char *point, const char *moment)
{
    g_autofree char *suffix = g_strconcat(":", moment, NULL);

    return g_str_has_suffix(point, suffix);
}

static int
index_of(char **points, const char *point)
{
    for (int i = 0; points[i]; i++)
        if (g_str_equal(points[i], point))
            return i;
    fail_msg("there is no point %s", point);
    return -1;
}

bool
scene_point_precedes(const char *point, const char *other)
{
    g_auto(GStrv) points = scene_list_points();

    return index_of(points, point) < index_of(points, other);
}

/* ---- Engine and guest ---- */

static void
run_guest(Scene *scene)
{
    scene->guest = harness_guest_run(scene->engine, "g", BUILD_INSTALLED, scene->spec);
    scene->build = BUILD_INSTALLED;
}

/* By hand, the long way: a guest that verifies its memory and its disk, or one on huge pages, wherever any would do. */
static const HarnessSpec *
choose_spec(const HarnessSpec *spec)
{
    static const HarnessSpec on_hugepages = {.machine = "pc-q35-7.2", .ram_mib = 16, .hugepages = "2M"};
    const char *guest = g_getenv("MOULT_CRASH_GUEST");

    if (spec != &harness_tiny)
        return spec; /* what is tested is in it */
    if (g_strcmp0(guest, "linux") == 0)
        return &harness_linux;
    return g_strcmp0(guest, "hugepages") == 0 ? &on_hugepages : spec;
}

Scene *
scene_new(const HarnessSpec *spec)
{
    Scene *scene = g_new0(Scene, 1);

    scene->engine = harness_engine_new(NULL);
    scene->engine->may_warn = true;
    scene->engine->on_demand = "/nonexistent/moultd"; /* a command that comes after the kill must not make up for it */
    scene->spec = choose_spec(spec);
    run_guest(scene);
    return scene;
}

void
scene_finish(Scene *scene)
{
    if (scene->spec->kernel)
        harness_guest_check_disk(scene->guest);
    harness_engine_finish(scene->engine);
    print_message("kills: %u, guests ended with their only QEMU: %u, guests lost: 0\n", scene->n_kills, scene->n_ended);
    g_free(scene);
}

static void
start_with(HarnessEngine *engine, va_list list)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *name;

    while ((name = va_arg(list, const char *))) {
        const char *value = va_arg(list, const char *);
        g_setenv(name, value, TRUE);
        g_ptr_array_add(names, (gpointer)name);
    }
    harness_engine_start(engine, NULL);
    for (guint i = 0; i < names->len; i++)
        g_unsetenv(g_ptr_array_index(names, i));
}

void
scene_start_engine(Scene *scene, ...)
{
    va_list list;

    if (scene->engine->moultd)
        harness_engine_stop(scene->engine);
    va_start(list, scene);
    start_with(scene->engine, list);
    va_end(list);
}

HarnessBuild
scene_other_build(const Scene *scene)
{
    return scene->build == BUILD_INSTALLED ? BUILD_SECOND : BUILD_INSTALLED;
}

Program *
scene_start_upgrade(Scene *scene, const char *extra)
{
    assert_true(sampler_read(scene->guest->sampler, &scene->guest->seen));
    return moult_start(scene->engine, "upgrade", "g", "--to", harness_build(scene_other_build(scene)), "--json", extra,
                       NULL);
}

void
scene_start_doomed_engine(Scene *scene, const char *point)
{
    const char *argv[] = {CRASH_MOULTD, NULL};
    g_auto(GStrv) environment = harness_environment(scene->engine);
    g_autoptr(GError) error = NULL;

    g_setenv("MOULT_CRASH_POINT", point, TRUE);
    scene->engine->moultd = program_start(argv, (const char *const *)environment, -1, &error);
    g_unsetenv("MOULT_CRASH_POINT");
    if (!scene->engine->moultd)
        fail_msg("%s", error->message);
}

void
scene_await_crash_of_resting_guest(Scene *scene)
{
    struct pollfd ended = {.fd = scene->engine->moultd->pidfd, .events = POLLIN};
    siginfo_t info = {0};

    if (poll(&ended, 1, HARNESS_STEP_MS) <= 0)
        fail_msg("the engine does not come to the point");
    waitid(P_PID, (id_t)scene->engine->moultd->pid, &info, WEXITED | WNOWAIT);
    if (info.si_code != CLD_KILLED || info.si_status != SIGKILL)
        fail_msg("the engine ended otherwise: %d %d", info.si_code, info.si_status);
    harness_engine_kill(scene->engine); /* reaps it and takes its log */
    scene->n_kills++;
}

void
scene_await_crash(Scene *scene)
{
    scene_await_crash_of_resting_guest(scene);
    harness_guest_check(scene->guest);
}

void
scene_crash_at_rest(Scene *scene, const char *point, const char *extra)
{
    scene_start_engine(scene, "MOULT_CRASH_POINT", point, NULL);
    Program *upgrade = scene_start_upgrade(scene, extra);

    scene_await_crash_of_resting_guest(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_status(reply, EXIT_UNREACHABLE);
}

void
scene_crash_at(Scene *scene, const char *point)
{
    scene_crash_at_rest(scene, point, NULL);
    harness_guest_check(scene->guest);
}

SceneEnd
scene_get_end_after(const char *point)
{
    if (scene_point_precedes(point, "perform.migrate:after"))
        return SCENE_OLD;
    return scene_point_precedes(point, "finish.prove:after") ? SCENE_EITHER : SCENE_NEW;
}

bool
scene_await_stop(Scene *scene, const Program *upgrade)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;

    while (g_get_monotonic_time() < deadline_us) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)scene->engine->moultd->pid, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid != 0)
            return true;
        if (!program_is_running(upgrade))
            return false;
        g_usleep(POLL_US);
    }
    fail_msg("the engine does not stop");
    return false;
}

void
scene_continue_engine(Scene *scene)
{
    program_signal(scene->engine->moultd, SIGCONT);
}

Program *
scene_begin_at(Scene *scene, const char *point, const char *extra)
{
    scene_start_engine(scene, "MOULT_CRASH_STOP", point, NULL);
    Program *upgrade = scene_start_upgrade(scene, extra);

    if (!scene_await_stop(scene, upgrade))
        fail_msg("the upgrade has ended before %s", point);
    return upgrade;
}

void
scene_crash_on_the_way_back(Scene *scene, const char *point)
{
    scene_start_engine(scene, "MOULT_CRASH_STOP", "confirm.retire:before", "MOULT_CRASH_POINT", point, NULL);
    Program *upgrade = scene_start_upgrade(scene, "--paused");

    assert_true(scene_await_stop(scene, upgrade));
    assert_true(scene_kill(scene, scene_find_target(scene)));
    scene_continue_engine(scene);
    scene_await_crash_of_resting_guest(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
}

HarnessReply *
scene_go_on(Scene *scene, Program *upgrade)
{
    do
        scene_continue_engine(scene);
    while (scene_await_stop(scene, upgrade));
    return moult_finish(upgrade);
}

/* Until UPGRADE has ended: the longest time without a tick. */
static gint64
measure_standstill_ms(Scene *scene, const Program *upgrade)
{
    gint64 changed_us = g_get_monotonic_time(), longest_us = 0;
    uint64_t ticks = sampler_get_ticks(scene->guest->sampler);

    while (program_is_running(upgrade)) {
        uint64_t now = sampler_get_ticks(scene->guest->sampler);
        if (now != ticks) {
            longest_us = MAX(longest_us, g_get_monotonic_time() - changed_us);
            changed_us = g_get_monotonic_time();
        }
        ticks = now;
        g_usleep(POLL_US);
    }
    return MAX(longest_us, g_get_monotonic_time() - changed_us) / 1000; /* it may not have ticked yet */
}

void
scene_hang_target(Scene *scene, const char *extra, const char *words)
{
    Program *upgrade = scene_begin_at(scene, "perform.migrate:before", extra);

    assert_int_equal(kill(scene_find_target(scene), SIGSTOP), 0);
    scene_continue_engine(scene);
    gint64 standstill_ms = measure_standstill_ms(scene, upgrade);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    print_message("the guest stood still for %d ms\n", (int)standstill_ms);
    assert_outcome(reply, EXIT_TIMED_OUT, "rolled-back", "migration", words);
    assert_in_range(standstill_ms, 0, STANDSTILL_MAX_MS);
}

pid_t
scene_find_target(const Scene *scene)
{
    return processes_find_beside(scene->engine->folder, scene->guest->pid);
}

json_object *
scene_get_evidence(Scene *scene)
{
    g_autoptr(HarnessReply) show = moult(scene->engine, "show", "g", "--json", NULL);

    assert_status(show, EXIT_DONE);
    return json_object_get(qmp_json_get_object(qmp_json_get_object(show->output, "details"), "evidence"));
}

void
scene_expect_trouble(Scene *scene, const char *code)
{
    g_autoptr(json_object) evidence = scene_get_evidence(scene);

    if (g_strcmp0(qmp_json_get_string(evidence, "trouble_code"), code) != 0)
        fail_msg("the trouble is not “%s”: %s", code, qmp_json_to_text(evidence, NULL));
}

void
scene_await_state(Scene *scene, const char *state)
{
    gint64 deadline_us = g_get_monotonic_time() + SOON_US;

    for (;;) {
        g_autofree char *now = harness_guest_dup_state(scene->guest);
        if (g_strcmp0(now, state) == 0)
            return;
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("the guest stays %s", now);
        g_usleep(POLL_US);
    }
}

/* Gone, not only told to go: what it last did is done. */
bool
scene_kill(Scene *scene, pid_t pid)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

    if (ended.fd < 0 || kill(pid, SIGKILL) < 0)
        return false;
    scene->n_kills++;
    if (poll(&ended, 1, KILL_MS) <= 0)
        fail_msg("process %d does not die", pid);
    close(ended.fd);
    return true;
}

/* ---- Afterwards ---- */

void
scene_await_rest(Scene *scene)
{
    g_autoptr(GPtrArray) processes = processes_find(scene->engine->folder);

    if (processes->len == 0)
        harness_guest_await_gone(scene->guest);
}

static bool
is_listed(const Scene *scene)
{
    g_autofree char *state = harness_guest_dup_state(scene->guest);

    if (state && !g_str_equal(state, "running"))
        fail_msg("the guest is '%s'", state);
    return state != NULL;
}

static void
expect_binary(json_object *entry, const char *key, const char *what)
{
    json_object *binary = qmp_json_get_object(entry, key);

    if (!qmp_json_get_string(binary, "path") || !qmp_json_get_string(binary, "version"))
        fail_msg("%s: the history lacks '%s': %s", what, key, qmp_json_to_text(entry, NULL));
}

/* An upgrade that had begun has its line, whoever has ended it, with the binaries on either side. */
static void
check_history(Scene *scene, const char *what)
{
    g_autoptr(HarnessReply) reply = moult(scene->engine, "history", "g", "--json", NULL);
    json_object *entries = qmp_json_get_array(reply->output, "entries");
    size_t n = entries ? json_object_array_length(entries) : 0;

    for (; scene->n_history < n; scene->n_history++) {
        json_object *entry = json_object_array_get_idx(entries, scene->n_history);
        bool is_done = g_strcmp0(qmp_json_get_string(entry, "outcome"), "upgraded") == 0;
        bool is_taken_up = g_strcmp0(qmp_json_get_string(entry, "code"), "interrupted") == 0;
        expect_binary(entry, "from", what);
        if (is_done || is_taken_up) /* others may have ended before the binary was looked at */
            expect_binary(entry, "to", what);
    }
}

/* The same command for the guest on its next way, which must not notice what happened on the last. */
static void
check_next_upgrade(Scene *scene)
{
    harness_guest_upgrade(scene->guest, scene_other_build(scene));
    scene->build = scene_other_build(scene);
}

static void
check_ended(Scene *scene, SceneEnd expected, const char *what)
{
    g_autoptr(GPtrArray) processes = processes_find(scene->engine->folder);

    if (expected != SCENE_ENDED && expected != SCENE_ANY)
        fail_msg("%s: the guest is lost", what);
    for (guint i = 0; i < processes->len; i++) {
        const Process *process = g_ptr_array_index(processes, i);
        print_error("%s: process %d of %s is left\n", what, (int)process->pid, process->instance);
    }
    assert_int_equal(processes->len, 0);
    harness_engine_check(scene->engine);
    scene->n_ended++;
    g_ptr_array_remove(scene->engine->guests, scene->guest);
    run_guest(scene);
}

void
scene_check(Scene *scene, SceneEnd expected, const char *what)
{
    pid_t old_pid = scene->guest->pid;

    print_message("  %s\n", what);
    harness_guest_await_recovery(scene->guest);
    check_history(scene, what);
    if (!is_listed(scene)) {
        check_ended(scene, expected, what);
        return;
    }
    harness_engine_check(scene->engine);
    harness_guest_look_up(scene->guest);
    bool is_new = scene->guest->pid != old_pid;
    if (is_new)
        scene->build = scene_other_build(scene);
    if (expected == SCENE_ENDED || (expected == SCENE_OLD && is_new) || (expected == SCENE_NEW && !is_new))
        fail_msg("%s: the guest is in its %s QEMU", what, is_new ? "new" : "old");
    harness_guest_check(scene->guest);
    if (is_new)
        harness_guest_check_capabilities(scene->guest);
    else
        harness_guest_check_untouched(scene->guest);
    check_next_upgrade(scene);
    if (scene->spec->kernel)
        harness_guest_check_disk(scene->guest);
}
