/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of guests and engines around upgrades: several of either, pauses, definitions, engines that come and go,
 * guests that end when nobody expects it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "processes.h"

#define N_GUESTS 8

static HarnessReply *
upgrade(HarnessGuest *guest, HarnessBuild build)
{
    return moult(guest->engine, "upgrade", guest->name, "--to", harness_build(build), "--json", NULL);
}

/* ---- Several ---- */

static void
two_engines_side_by_side(void **state)
{
    HarnessEngine *one = harness_engine_new(NULL), *other = harness_engine_new(NULL);
    HarnessGuest *first = harness_guest_run(one, "same-name", BUILD_INSTALLED, &harness_tiny);
    HarnessGuest *second = harness_guest_run(other, "same-name", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    harness_guest_upgrade(first, BUILD_SECOND);
    harness_guest_check_untouched(second);
    harness_guest_upgrade(second, BUILD_SECOND);
    harness_guest_check_untouched(first);
    harness_engine_finish(one);
    harness_guest_check_untouched(second);
    harness_engine_finish(other);
}

static json_object *
result_of(const HarnessReply *reply, const char *name)
{
    json_object *results = qmp_json_get_array(reply->output, "results");

    assert_int_equal(json_object_array_length(results), N_GUESTS);
    for (size_t i = 0; i < N_GUESTS; i++) {
        json_object *result = json_object_array_get_idx(results, i);
        if (g_strcmp0(qmp_json_get_string(result, "guest"), name) == 0)
            return result;
    }
    fail_msg("no result for %s: %s", name, reply->text);
    return NULL;
}

static void
eight_at_once(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guests[N_GUESTS];

    (void)state;
    for (unsigned i = 0; i < N_GUESTS; i++) {
        g_autofree char *name = g_strdup_printf("guest%u", i);
        guests[i] = harness_guest_run(engine, name, BUILD_INSTALLED, &harness_tiny);
    }
    for (unsigned round = 0; round < 2; round++) {
        const char *to = harness_build(round ? BUILD_INSTALLED : BUILD_SECOND);
        g_autoptr(HarnessReply) reply =
            moult(engine, "upgrade", "--all", "--parallel", round ? "8" : "3", "--to", to, "--json", NULL);
        assert_status(reply, EXIT_DONE);
        harness_engine_check(engine);
        for (unsigned i = 0; i < N_GUESTS; i++) {
            gint64 new_pid = 0;
            json_object *result = result_of(reply, guests[i]->name);
            assert_string_equal(qmp_json_get_string(result, "outcome"), "upgraded");
            assert_true(qmp_json_get_int64(result, "new_pid", &new_pid));
            harness_guest_look_up(guests[i]);
            assert_int_equal(guests[i]->pid, new_pid);
            harness_guest_check(guests[i]);
        }
    }
    harness_engine_finish(engine);
}

static bool
has_job(HarnessEngine *engine)
{
    g_autoptr(HarnessReply) reply = moult(engine, "jobs", "--json", NULL);
    json_object *jobs = qmp_json_get_array(reply->output, "jobs");

    assert_non_null(jobs);
    for (size_t i = 0; i < json_object_array_length(jobs); i++)
        if (g_strcmp0(qmp_json_get_string(json_object_array_get_idx(jobs, i), "state"), "running") == 0)
            return true;
    return false;
}

static void
await_no_job(HarnessEngine *engine)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;

    while (has_job(engine))
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("jobs do not end");
}

/* A job for each guest, all at once; clients ask, watch and wait meanwhile, and some are killed as they do. */
static void
many_jobs_and_clients_at_once(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guests[N_GUESTS];
    Program *upgrades[N_GUESTS], *watches[N_GUESTS];
    HarnessReply *replies[N_GUESTS];

    (void)state;
    for (unsigned i = 0; i < N_GUESTS; i++) {
        g_autofree char *name = g_strdup_printf("guest%u", i);
        guests[i] = harness_guest_run(engine, name, BUILD_INSTALLED, &harness_tiny);
    }
    for (unsigned i = 0; i < N_GUESTS; i++) {
        watches[i] = moult_start(engine, "watch", "--json", NULL);
        upgrades[i] = moult_start(engine, "upgrade", guests[i]->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);
    }
    for (unsigned i = 0; i < N_GUESTS; i++) {
        g_autoptr(HarnessReply) list = moult(engine, "list", "--json", NULL);
        assert_status(list, EXIT_DONE);
        assert_int_equal(json_object_array_length(qmp_json_get_array(list->output, "guests")), N_GUESTS);
        g_autoptr(HarnessReply) show = moult(engine, "show", guests[i]->name, "--json", NULL);
        assert_status(show, EXIT_DONE);
        g_autoptr(HarnessReply) jobs = moult(engine, "jobs", "--json", NULL);
        assert_status(jobs, EXIT_DONE);
        program_signal(watches[i], SIGKILL);
        program_free(watches[i]);
        if (i % 2 == 0)
            program_free(upgrades[i]); /* killed: it may have been done, or not yet heard */
    }
    for (unsigned i = 1; i < N_GUESTS; i += 2)
        replies[i] = moult_finish(upgrades[i]);
    await_no_job(engine); /* what is looked at from here on is the whole node */
    for (unsigned i = 1; i < N_GUESTS; i += 2) {
        harness_guest_take_upgrade(guests[i], replies[i], BUILD_SECOND);
        harness_reply_free(replies[i]);
    }
    for (unsigned i = 0; i < N_GUESTS; i++) {
        harness_guest_look_up(guests[i]);
        harness_guest_check(guests[i]);
    }
    harness_engine_finish(engine);
}

/* It holds no more descriptors after many upgrades than after the first. */
static void
engine_does_not_grow(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    harness_guest_upgrade(guest, BUILD_SECOND);
    unsigned n_fds = processes_count_fds(engine->moultd->pid);
    for (unsigned i = 0; i < 10; i++)
        harness_guest_upgrade(guest, i % 2 ? BUILD_SECOND : BUILD_INSTALLED);
    /* The connection of the last command may be closed a moment after that has ended. */
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;
    while (processes_count_fds(engine->moultd->pid) > n_fds && g_get_monotonic_time() < deadline_us)
        g_usleep(10000);
    assert_true(processes_count_fds(engine->moultd->pid) <= n_fds);
    harness_engine_finish(engine);
}

/* ---- Paused ---- */

static void
paused_guest_stays_paused(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_linux);

    (void)state;
    harness_guest_qmp(guest, "stop");
    harness_guest_check_paused(guest);
    for (unsigned i = 0; i < 2; i++) {
        HarnessBuild to = i ? BUILD_INSTALLED : BUILD_SECOND;
        g_autoptr(HarnessReply) reply = upgrade(guest, to);
        harness_guest_take_upgrade(guest, reply, to);
        harness_guest_check_paused(guest);
    }
    harness_guest_qmp(guest, "cont");
    harness_guest_check(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

static void
upgrade_into_a_pause(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_linux);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        HarnessBuild to = i ? BUILD_INSTALLED : BUILD_SECOND;
        g_autoptr(HarnessReply) reply =
            moult(engine, "upgrade", guest->name, "--paused", "--to", harness_build(to), "--json", NULL);
        harness_guest_take_upgrade(guest, reply, to);
        harness_guest_check_paused(guest);
        harness_guest_qmp(guest, "cont");
        harness_guest_check(guest);
    }
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

/* ---- Binaries ---- */

static void
wrapper_script(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    const char *wrapper =
        harness_script(engine, "qemu-wrapped", "exec %s \"$@\"", harness_build(BUILD_SECOND));
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(HarnessReply) reply = moult(engine, "upgrade", guest->name, "--to", wrapper, "--json", NULL);
        harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
        harness_guest_check(guest);
    }
    /* Without --to: what is now at that path. */
    harness_script(engine, "qemu-wrapped", "exec %s \"$@\"", harness_build(BUILD_INSTALLED));
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", guest->name, "--json", NULL);
    harness_guest_take_upgrade(guest, reply, BUILD_INSTALLED);
    harness_guest_check(guest);
    harness_engine_finish(engine);
}

/* What a package manager does: the path has another file, and who runs keeps the old one. */
static void
replace_binary(const char *path, HarnessBuild build)
{
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);

    assert_int_equal(symlink(harness_build(build), temporary), 0);
    assert_int_equal(rename(temporary, path), 0);
}

static void
expect_outdated(HarnessEngine *engine, const char *name)
{
    g_autoptr(HarnessReply) reply = moult(engine, "list", "--outdated", "--json", NULL);
    json_object *guests = qmp_json_get_array(reply->output, "guests");

    assert_status(reply, EXIT_DONE);
    assert_int_equal(json_object_array_length(guests), name ? 1 : 0);
    if (name) {
        json_object *guest = json_object_array_get_idx(guests, 0);
        assert_string_equal(qmp_json_get_string(guest, "name"), name);
        assert_string_equal(qmp_json_get_string(guest, "outdated"), "outdated");
    }
}

static void
outdated_guest_is_upgraded(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *other = harness_guest_run(engine, "other", BUILD_INSTALLED, &harness_tiny);
    HarnessGuest *guest = harness_guest_new(engine, "guest", &harness_tiny);
    g_autofree char *binary = g_build_filename(engine->folder, "qemu", NULL);

    (void)state;
    replace_binary(binary, BUILD_INSTALLED);
    g_autoptr(HarnessReply) started = harness_guest_launch(guest, binary, "run", NULL);
    assert_status(started, EXIT_DONE);
    harness_guest_await(guest);
    expect_outdated(engine, NULL);
    g_autoptr(HarnessReply) nothing = moult(engine, "upgrade", "--outdated", "--json", NULL);
    assert_status(nothing, EXIT_DONE);
    assert_int_equal(json_object_array_length(qmp_json_get_array(nothing->output, "results")), 0);

    replace_binary(binary, BUILD_SECOND);
    expect_outdated(engine, "guest");
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "--outdated", "--json", NULL);
    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    harness_guest_check(guest);
    harness_guest_check_untouched(other);
    expect_outdated(engine, NULL);
    harness_engine_finish(engine);
}

/* ---- Definitions ---- */

static void
define(HarnessGuest *guest, HarnessBuild build)
{
    g_autoptr(HarnessReply) reply = harness_guest_launch(guest, harness_build(build), "define", "--json", NULL);

    assert_status(reply, EXIT_DONE);
}

static void
expect_state(HarnessGuest *guest, const char *wanted)
{
    g_autofree char *found = harness_guest_dup_state(guest);

    if (g_strcmp0(found, wanted) != 0)
        fail_msg("%s is %s, not %s", guest->name, found ? found : "gone", wanted ? wanted : "gone");
}

static void
command(HarnessGuest *guest, const char *verb, const char *option)
{
    g_autoptr(HarnessReply) reply = moult(guest->engine, verb, guest->name, "--json", option, NULL);

    assert_status(reply, EXIT_DONE);
}

static void
defined_guest(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(engine, "guest", &harness_linux);

    (void)state;
    define(guest, BUILD_INSTALLED);
    expect_state(guest, "shut-off");
    command(guest, "start", NULL);
    harness_guest_await(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_check_disk(guest);
    command(guest, "stop", NULL); /* the guest obeys the power button */
    expect_state(guest, "shut-off");
    harness_engine_check(engine);

    /* It was moved to the second build, for its next start too; an engine that did not see it reads that. */
    harness_engine_stop(engine);
    harness_engine_start(engine, NULL);
    expect_state(guest, "shut-off");
    command(guest, "start", NULL);
    harness_guest_await(guest);
    g_autoptr(HarnessReply) shown = moult(engine, "show", guest->name, "--json", NULL);
    assert_non_null(strstr(shown->text, harness_build(BUILD_SECOND)));
    harness_guest_upgrade(guest, BUILD_SECOND);

    /* Undefined while it runs, it is forgotten when it ends. */
    command(guest, "undefine", NULL);
    harness_guest_check_untouched(guest);
    command(guest, "stop", "--force");
    expect_state(guest, NULL);
    harness_engine_finish(engine);
}

static void
undefine_what_is_shut_off(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(engine, "guest", &harness_tiny);

    (void)state;
    define(guest, BUILD_INSTALLED);
    command(guest, "undefine", NULL);
    expect_state(guest, NULL);
    harness_engine_stop(engine);
    harness_engine_start(engine, NULL);
    expect_state(guest, NULL);
    define(guest, BUILD_INSTALLED);
    command(guest, "undefine", NULL);
    harness_engine_finish(engine);
}

/* ---- moult show ---- */

static void
expect_mode(const char *path, mode_t type)
{
    struct stat status;

    if (!path || lstat(path, &status) < 0 || (status.st_mode & S_IFMT) != type)
        fail_msg("'%s' is not what it should be", path ? path : "nothing");
}

/* What QEMU has mapped under this name. */
static void
expect_mapped(const HarnessGuest *guest, const char *name, gint64 inode)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/maps", (int)guest->pid), *maps = NULL;
    g_autofree char *wanted = g_strdup_printf(" %" G_GINT64_FORMAT " ", inode);

    assert_true(g_file_get_contents(path, &maps, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(maps, "\n", -1);
    for (char **line = lines; *line; line++)
        if (strstr(*line, name) && strstr(*line, wanted))
            return;
    fail_msg("inode %s of %s is not mapped", wanted, name);
}

static void
expect_shown(const HarnessReply *text, const char *label, const char *value)
{
    g_autofree char *heading = g_strconcat(label, ":", NULL), *line = g_strdup_printf("%-18s%s\n", heading, value);

    if (!strstr(text->text, line))
        fail_msg("not shown: %s: %s", line, text->text);
}

static void
show_tells_what_is_there(void **state)
{
    static const struct {
        const char *key, *label;
        mode_t type;
    } paths[] = {{"instance", "instance", S_IFDIR},
                 {"monitor", "monitor", S_IFSOCK},
                 {"operator_monitor", "operator monitor", S_IFSOCK},
                 {"log", "log", S_IFREG},
                 {"alias", "folder", S_IFLNK}};
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    harness_guest_upgrade(guest, BUILD_SECOND);
    g_autoptr(HarnessReply) reply = moult(engine, "show", "guest", "--json", NULL);
    g_autoptr(HarnessReply) text = moult(engine, "show", "guest", NULL);
    json_object *details = qmp_json_get_object(reply->output, "details");
    json_object *backend = json_object_array_get_idx(qmp_json_get_array(details, "memory"), 0);
    gint64 inode = 0, page_size_bytes = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        const char *path = qmp_json_get_string(qmp_json_get_object(details, "paths"), paths[i].key);
        expect_mode(path, paths[i].type);
        expect_shown(text, paths[i].label, path);
    }
    g_autofree char *instance = g_strdup_printf("%s/instances/%" G_GINT64_FORMAT, engine->runtime, guest->id);
    expect_shown(text, "instance", instance);
    expect_shown(text, "binary", harness_build(BUILD_SECOND));
    expect_shown(text, "method", "shared");
    expect_shown(text, "machine", "pc-q35-7.2");
    expect_shown(text, "memory backend", "pc.ram: memfd, 16 MiB, pages of 4 KiB");
    assert_true(qmp_json_get_int64(backend, "page_size_bytes", &page_size_bytes) && page_size_bytes == sysconf(_SC_PAGESIZE));
    assert_true(qmp_json_get_int64(backend, "inode", &inode));
    expect_mapped(guest, "moult-guest-pc.ram", inode);
    assert_non_null(qmp_json_get_string(details, "started"));
    assert_non_null(qmp_json_get_string(details, "upgraded"));
    harness_engine_finish(engine);
}

/* ---- Engines that come and go ---- */

static void
restart(HarnessGuest *guest, void (*end)(HarnessEngine *engine))
{
    end(guest->engine);
    harness_engine_start(guest->engine, NULL);
    harness_guest_check_untouched(guest);
}

static void
engine_finds_its_guests_again(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "linux", BUILD_INSTALLED, &harness_linux);
    HarnessGuest *paused = harness_guest_run(engine, "paused", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    harness_guest_qmp(paused, "stop");
    restart(guest, harness_engine_kill);
    harness_guest_check_paused(paused);
    harness_guest_upgrade(guest, BUILD_SECOND);
    restart(guest, harness_engine_stop);
    harness_guest_check_paused(paused);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    restart(guest, harness_engine_kill);
    harness_guest_check_disk(guest);
    harness_guest_qmp(paused, "cont");
    harness_guest_check(paused);
    harness_engine_finish(engine);
}

/* One by itself, one with its power button pressed by the operator: nobody is there to see it. */
static void
guests_end_without_an_engine(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *transient = harness_guest_run(engine, "transient", BUILD_INSTALLED, &harness_tiny);
    HarnessGuest *defined = harness_guest_new(engine, "defined", &harness_tiny);
    g_autoptr(GError) error = NULL;

    (void)state;
    define(defined, BUILD_INSTALLED);
    command(defined, "start", NULL);
    harness_guest_await(defined);
    harness_engine_kill(engine);
    assert_true(sampler_command(transient->sampler, GUEST_COMMAND_POWER_OFF, 0, HARNESS_STEP_MS, &error));
    assert_true(sampler_command(defined->sampler, GUEST_COMMAND_POWER_OFF, 0, HARNESS_STEP_MS, &error));
    assert_true(processes_await_none(engine->folder, HARNESS_STEP_MS));
    harness_engine_start(engine, NULL);
    expect_state(transient, NULL);
    expect_state(defined, "shut-off");
    harness_engine_check(engine);
    command(defined, "start", NULL);
    harness_guest_await(defined);
    harness_engine_finish(engine);
}

static void
idle_engine_leaves_and_guest_stays(void **state)
{
    HarnessEngine *engine = harness_engine_new("--timeout 1");
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    harness_engine_wait_end(engine);
    harness_guest_check(guest);
    g_autofree char *socket = g_build_filename(engine->runtime, "control.sock", NULL);
    assert_false(g_file_test(socket, G_FILE_TEST_EXISTS));
    harness_engine_start(engine, NULL);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* ---- Guests that end ---- */

static void
guest_powers_off(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    harness_guest_power_off(guest);
    harness_engine_check(engine);
    guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_power_off(guest);
    harness_engine_check(engine);
    harness_engine_finish(engine);
}

/* QEMU is killed from outside. */
static void
qemu_is_killed(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_int_equal(kill(guest->pid, SIGKILL), 0);
    harness_guest_await_gone(guest);
    harness_engine_check(engine);
    harness_engine_finish(engine);
}

/* ---- moult run --wait ---- */

static Program *
run_and_wait(HarnessGuest *guest)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new();
    g_auto(GStrv) argv = harness_guest_make_argv(guest, harness_build(BUILD_INSTALLED));

    for (const char *const *word = (const char *const[]){"run", guest->name, "--wait", "--", NULL}; *word; word++)
        g_ptr_array_add(args, (gpointer)*word);
    for (char **word = argv; *word; word++)
        g_ptr_array_add(args, *word);
    g_ptr_array_add(args, NULL);
    Program *program = moult_start_v(guest->engine, (const char *const *)args->pdata);
    harness_guest_await_listed(guest);
    return program;
}

static void
run_waits_through_upgrades(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(engine, "guest", &harness_tiny);
    Program *waiting = run_and_wait(guest);

    (void)state;
    harness_guest_await(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_true(program_is_running(waiting));
    harness_guest_power_off(guest);
    g_autoptr(HarnessReply) reply = moult_finish(waiting);
    assert_status(reply, EXIT_DONE);
    assert_non_null(strstr(reply->text, "guest-shutdown"));

    guest = harness_guest_new(engine, "killed", &harness_tiny);
    waiting = run_and_wait(guest);
    harness_guest_await(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_int_equal(kill(guest->pid, SIGKILL), 0);
    g_autoptr(HarnessReply) killed = moult_finish(waiting);
    assert_status(killed, EXIT_FAILED);
    assert_non_null(strstr(killed->text, "killed"));
    harness_engine_finish(engine);
}

static void
run_waits_through_a_restart_of_the_engine(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(engine, "guest", &harness_tiny);
    Program *waiting = run_and_wait(guest);

    (void)state;
    harness_guest_await(guest);
    harness_engine_kill(engine); /* the command that waits, or the next one, starts another */
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_true(program_is_running(waiting));
    harness_guest_power_off(guest);
    g_autoptr(HarnessReply) reply = moult_finish(waiting);
    assert_status(reply, EXIT_DONE);
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(two_engines_side_by_side),
        HARNESS_TEST(eight_at_once),
        HARNESS_TEST(many_jobs_and_clients_at_once),
        HARNESS_TEST(engine_does_not_grow),
        HARNESS_TEST(paused_guest_stays_paused),
        HARNESS_TEST(upgrade_into_a_pause),
        HARNESS_TEST(wrapper_script),
        HARNESS_TEST(outdated_guest_is_upgraded),
        HARNESS_TEST(defined_guest),
        HARNESS_TEST(undefine_what_is_shut_off),
        HARNESS_TEST(show_tells_what_is_there),
        HARNESS_TEST(engine_finds_its_guests_again),
        HARNESS_TEST(guests_end_without_an_engine),
        HARNESS_TEST(idle_engine_leaves_and_guest_stays),
        HARNESS_TEST(guest_powers_off),
        HARNESS_TEST(qemu_is_killed),
        HARNESS_TEST(run_waits_through_upgrades),
        HARNESS_TEST(run_waits_through_a_restart_of_the_engine),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
