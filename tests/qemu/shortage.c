/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In the middle of an upgrade: somebody cancels, the engine is told to leave, descriptors, pids or room on the disk run
 * out, the state folder goes. The guest does not notice, nothing is left, and the next upgrade works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "gate.h"
#include "harness.h"
#include "processes.h"

#define POLL_US 10000
#define ENGINE_FDS_MAX 1024
#define EXTRA_FDS_MAX 40

/* A target that answers nothing from the moment on at which it was told to listen for the state. */
static const char *
make_hanging_peer(HarnessEngine *engine)
{
    return harness_script(engine, "peer", "exec '%s' '%s' '>migrate-incoming' hang 0 -- \"$@\"", MISBEHAVE_PEER,
                          harness_build(BUILD_SECOND));
}

/* `moult run`, which may fail. */
static HarnessReply *
run_guest(HarnessGuest *guest, HarnessBuild build)
{
    return harness_guest_launch(guest, harness_build(build), "run", "--json", NULL);
}

/* Waits until the one job under way is at STEP; its number. */
static char *
await_step(HarnessEngine *engine, const char *step)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;

    for (;;) {
        g_autoptr(HarnessReply) reply = moult(engine, "jobs", "--json", NULL);
        json_object *jobs = qmp_json_get_array(reply->output, "jobs");
        for (size_t i = 0; jobs && i < json_object_array_length(jobs); i++) {
            json_object *job = json_object_array_get_idx(jobs, i), *progress = qmp_json_get_array(job, "progress");
            gint64 id = 0;
            if (progress && json_object_array_length(progress) == 1 && qmp_json_get_int64(job, "id", &id) &&
                g_strcmp0(qmp_json_get_string(json_object_array_get_idx(progress, 0), "step"), step) == 0)
                return g_strdup_printf("%" G_GINT64_FORMAT, id);
        }
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("no job comes to %s: %s", step, reply->text);
        g_usleep(POLL_US);
    }
}

static void
cancelled(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    Program *client = moult_start(engine, "upgrade", "guest", "--to", make_hanging_peer(engine), "--json", NULL);
    g_autofree char *job = await_step(engine, "perform.listen");

    (void)state;
    g_autoptr(HarnessReply) cancel = moult(engine, "cancel", job, "--json", NULL);
    assert_status(cancel, EXIT_DONE);
    g_autoptr(HarnessReply) reply = moult_finish(client);
    assert_outcome(reply, EXIT_TIMED_OUT, "rolled-back", "cancelled", NULL);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
engine_is_told_to_leave(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    Program *client = moult_start(engine, "upgrade", "guest", "--to", make_hanging_peer(engine), "--json", NULL);
    g_autofree char *job = await_step(engine, "perform.listen");

    (void)state;
    harness_engine_stop(engine);
    g_autoptr(HarnessReply) reply = moult_finish(client);
    assert_outcome(reply, EXIT_TIMED_OUT, "rolled-back", "cancelled", NULL);
    harness_engine_start(engine, NULL);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
set_descriptors(const HarnessEngine *engine, unsigned max)
{
    const struct rlimit limit = {.rlim_cur = max, .rlim_max = ENGINE_FDS_MAX};

    assert_int_equal(prlimit(engine->moultd->pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Sockets and memory files that are all fetched out of the running QEMU. */
#define SOCKET(n) "-chardev socket,id=s" #n ",path=@folder@/s" #n ".sock,server=on,wait=off "
#define MEMORY(n) "-object memory-backend-ram,id=m" #n ",size=16M -numa node,memdev=m" #n
#define MEMORIES MEMORY(0) " " MEMORY(1) " " MEMORY(2) " " MEMORY(3) " " MEMORY(4) " " MEMORY(5) " " MEMORY(6) " " MEMORY(7)
static const HarnessSpec many_files = {
    .machine = "pc-q35-7.2",
    .ram_mib = 128,
    .arguments = SOCKET(0) SOCKET(1) SOCKET(2) SOCKET(3) SOCKET(4) SOCKET(5) SOCKET(6) SOCKET(7) MEMORIES,
};
static const HarnessSpec much_memory = {.machine = "pc-q35-7.2", .ram_mib = 128, .arguments = MEMORIES};

/* With as many descriptors as it has open now, and EXTRA. Done, or why not. */
typedef HarnessReply *(*WithFew)(HarnessGuest *guest);

static HarnessReply *
upgrade_there(HarnessGuest *guest)
{
    return moult(guest->engine, "upgrade", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);
}

static HarnessReply *
upgrade_back(HarnessGuest *guest)
{
    return moult(guest->engine, "upgrade", guest->name, "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
}

static HarnessReply *
run_it(HarnessGuest *guest)
{
    return run_guest(guest, BUILD_INSTALLED);
}

/* From where a client is just heard to where there are enough, STEP more each time. CODES: those that must have come on the way. */
static HarnessReply *
try_with_few_descriptors(HarnessGuest *guest, WithFew func, unsigned step, const char *const *codes)
{
    HarnessEngine *engine = guest->engine;
    g_autoptr(GString) seen = g_string_new(" ");

    for (unsigned extra = 1; extra < EXTRA_FDS_MAX; extra += step) {
        set_descriptors(engine, processes_count_fds(engine->moultd->pid) + extra);
        HarnessReply *reply = func(guest);
        set_descriptors(engine, ENGINE_FDS_MAX);
        if (reply->status == EXIT_DONE) {
            for (; *codes; codes++)
                if (!strstr(seen->str, *codes))
                    fail_msg("never “%s”, only%s", *codes, seen->str);
            return reply;
        }
        json_object *error = qmp_json_get_object(reply->output, "error");
        const char *code = qmp_json_get_string(error ? error : reply_result(reply), "code");
        if (reply->status != EXIT_FAILED && reply->status != EXIT_REFUSED)
            fail_msg("%u more: %d %s%s", extra, reply->status, reply->text, reply->messages);
        print_message("%u more: %s\n", extra, code);
        g_string_append_printf(seen, "%s ", code);
        harness_reply_free(reply);
        harness_engine_check(engine);
    }
    fail_msg("there are never enough");
    return NULL;
}

static void
out_of_descriptors(void **state)
{
    static const char *const asking[] = {" binary-probe ", NULL};
    static const char *const fetching[] = {" no-descriptors ", " descriptors ", " ram-fetch ", NULL};
    static const char *const making[] = {" no-descriptors ", " ram-file ", NULL};
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &many_files);

    (void)state;
    engine->may_warn = true;
    g_autoptr(HarnessReply) there = try_with_few_descriptors(guest, upgrade_there, 4, asking);
    harness_guest_take_upgrade(guest, there, BUILD_SECOND);
    /* Whom it knows, it need not ask. */
    g_autoptr(HarnessReply) back = try_with_few_descriptors(guest, upgrade_back, 2, fetching);
    harness_guest_take_upgrade(guest, back, BUILD_INSTALLED);
    HarnessGuest *other = harness_guest_new(engine, "other", &much_memory);
    g_autoptr(HarnessReply) run = try_with_few_descriptors(other, run_it, 2, making);
    harness_guest_await(other);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* ---- No pids left ---- */

#define EXTRA_PIDS_MAX 24

static char *pids_group; /* goes with the test's teardown */

static void
limit_pids(const char *text)
{
    assert_true(cgroup_put(pids_group, "pids.max", text));
}

/* As many as there are, and EXTRA. */
static void
limit_pids_to_more(unsigned extra)
{
    g_autofree char *path = g_build_filename(pids_group, "pids.current", NULL), *current = NULL;

    assert_true(g_file_get_contents(path, &current, NULL, NULL));
    g_autofree char *limit = g_strdup_printf("%" G_GUINT64_FORMAT, g_ascii_strtoull(current, NULL, 10) + extra);
    limit_pids(limit);
}

static void
move_into_group(pid_t pid)
{
    g_autofree char *text = g_strdup_printf("%d", pid);

    assert_true(cgroup_put(pids_group, "cgroup.procs", text));
}

/* A control group that counts pids; skips where there can be none. */
static void
make_pids_group(void)
{
    harness_need_root();
    pids_group = cgroup_make("pids", "pids.max", "pids.max", "max");
    if (pids_group)
        return;
    print_message("no control group with a limit of pids can be made here\n");
    skip();
}

/* Of the engine's children the one that runs the engine's own program. */
static pid_t
find_launcher(const HarnessEngine *engine)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", engine->moultd->pid, engine->moultd->pid);
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) pids = g_strsplit(g_strchomp(text), " ", -1);
    for (char **pid = pids; *pid; pid++) {
        g_autofree char *name_path = g_strdup_printf("/proc/%s/comm", *pid), *name = NULL;
        if (g_file_get_contents(name_path, &name, NULL, NULL) && g_str_has_prefix(name, "moult-launcher"))
            return (pid_t)atoi(*pid);
    }
    fail_msg("the engine has no launcher");
    return 0;
}

static int
teardown_group(void **state)
{
    int status = harness_teardown(state);

    if (pids_group && g_rmdir(pids_group) < 0)
        print_error("%s is left\n", pids_group);
    g_clear_pointer(&pids_group, g_free);
    return status;
}

static void
refused_without_room_for_the_threads(void **state)
{
    make_pids_group();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    move_into_group(guest->pid);
    limit_pids_to_more(4);
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    limit_pids("max");
    assert_outcome(reply, EXIT_REFUSED, "refused", "thread-limit", pids_group);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/*
 * The limit comes when the target is about to start, one more each time: from none for QEMU's second thread to enough for
 * all. A QEMU that cannot have a thread ends; the source must not come to that.
 */
static void
out_of_pids_in_the_guests_group(void **state)
{
    make_pids_group();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    g_autoptr(Gate) gate = gate_new(engine, BUILD_SECOND);
    unsigned n_failed = 0;

    (void)state;
    engine->may_warn = true;
    move_into_group(guest->pid);
    for (unsigned extra = 0;; extra++) {
        assert_true(extra < EXTRA_PIDS_MAX);
        assert_true(sampler_read(guest->sampler, &guest->seen));
        Program *program = moult_start(engine, "upgrade", "guest", "--to", gate->script, "--json", NULL);
        gate_await(gate);
        limit_pids_to_more(extra);
        gate_open(gate);
        g_autoptr(HarnessReply) reply = moult_finish(program);
        limit_pids("max");
        print_message("%u more: %d %s\n", extra, reply->status, qmp_json_get_string(reply_result(reply), "message"));
        if (reply->status == EXIT_DONE) {
            harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
            break;
        }
        assert_string_equal(qmp_json_get_string(reply_result(reply), "outcome"), "rolled-back");
        harness_guest_check_untouched(guest);
        n_failed++;
    }
    assert_true(n_failed > 0);
    harness_guest_check(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_engine_finish(engine);
}

static void
out_of_pids_in_the_engines_group(void **state)
{
    make_pids_group();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    unsigned n_failed = 0;

    (void)state;
    engine->may_warn = true;
    harness_guest_upgrade(guest, BUILD_SECOND); /* knows the binaries */
    move_into_group(engine->moultd->pid);
    move_into_group(find_launcher(engine));
    for (unsigned extra = 0;; extra++) {
        assert_true(extra < EXTRA_PIDS_MAX);
        limit_pids_to_more(extra);
        g_autoptr(HarnessReply) list = moult(engine, "list", "--json", NULL);
        g_autoptr(HarnessReply) reply =
            moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
        limit_pids("max");
        assert_status(list, EXIT_DONE);
        print_message("%u more: %d %s\n", extra, reply->status, qmp_json_get_string(reply_result(reply), "message"));
        if (reply->status == EXIT_DONE) {
            harness_guest_take_upgrade(guest, reply, BUILD_INSTALLED);
            break;
        }
        assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", "Resource temporarily unavailable");
        harness_guest_check_untouched(guest);
        n_failed++;
    }
    assert_true(n_failed > 0);
    harness_guest_check(guest);
    harness_engine_finish(engine);
}

/* ---- No room in the runtime folder ---- */

/* A file system of its own for the runtime folder, gone with this process's namespace at the latest. */
static HarnessEngine *
new_engine_on_small_disk(void)
{
    harness_need_root();
    HarnessEngine *engine = harness_engine_prepare();

    assert_int_equal(mkdir(engine->runtime, 0755), 0);
    assert_int_equal(mount("tmpfs", engine->runtime, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755"), 0);
    engine->may_warn = true;
    harness_engine_start(engine, NULL);
    return engine;
}

static void
free_room(const HarnessEngine *engine)
{
    g_autofree char *path = g_build_filename(engine->runtime, "fill", NULL);

    assert_int_equal(unlink(path), 0);
}

static void
take_all_room(const HarnessEngine *engine)
{
    g_autofree char *command = g_strdup_printf("cat /dev/zero >'%s/fill' 2>/dev/null; true", engine->runtime);
    const char *argv[] = {"/bin/sh", "-c", command, NULL};

    assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, NULL, NULL));
}

static void
no_room_for_a_new_guest(void **state)
{
    HarnessEngine *engine = new_engine_on_small_disk();
    HarnessGuest *bystander = harness_guest_run(engine, "bystander", BUILD_INSTALLED, &harness_tiny);
    HarnessGuest *other = harness_guest_new(engine, "other", &harness_tiny);

    (void)state;
    take_all_room(engine);
    g_autoptr(HarnessReply) refused = run_guest(other, BUILD_INSTALLED);
    assert_refusal(refused, EXIT_FAILED, "runtime-dir", "No space left on device");
    harness_guest_check_untouched(bystander);
    free_room(engine);
    g_autoptr(HarnessReply) reply = run_guest(other, BUILD_INSTALLED);
    assert_status(reply, EXIT_DONE);
    harness_guest_await(other);
    harness_engine_finish(engine);
}

static void
no_room_from_the_start(void **state)
{
    HarnessEngine *engine = new_engine_on_small_disk();
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);

    (void)state;
    take_all_room(engine);
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "journal", NULL);
    harness_guest_check_untouched(guest);
    free_room(engine);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
no_room_once_the_target_starts(void **state)
{
    HarnessEngine *engine = new_engine_on_small_disk();
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    const char *second = harness_build(BUILD_SECOND);
    const char *peer =
        harness_script(engine, "peer", "case \"$*\" in *-machine\\ none,*) ;; *) cat /dev/zero >'%s/fill' 2>/dev/null;; esac; exec '%s' \"$@\"",
                       engine->runtime, second);

    (void)state;
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to", peer, "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "journal", NULL);
    harness_guest_check_untouched(guest);
    free_room(engine);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* ---- No state folder ---- */

static void
state_folder_removed(void **state)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    const char *second = harness_build(BUILD_SECOND);
    const char *peer = harness_script(
        engine, "peer", "case \"$*\" in *-machine\\ none,*) ;; *) rm -r '%s';; esac; exec '%s' \"$@\"", engine->state, second);

    (void)state;
    engine->may_warn = true; /* the history */
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to", peer, "--json", NULL);
    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    harness_guest_check(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED); /* under a number that is not in use */
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(cancelled),
        HARNESS_TEST(engine_is_told_to_leave),
        HARNESS_TEST(out_of_descriptors),
        cmocka_unit_test_teardown(refused_without_room_for_the_threads, teardown_group),
        cmocka_unit_test_teardown(out_of_pids_in_the_guests_group, teardown_group),
        cmocka_unit_test_teardown(out_of_pids_in_the_engines_group, teardown_group),
        HARNESS_TEST(no_room_for_a_new_guest),
        HARNESS_TEST(no_room_from_the_start),
        HARNESS_TEST(no_room_once_the_target_starts),
        HARNESS_TEST(state_folder_removed),
    };

    /* What is mounted here is nobody else's, and goes with us. */
    if (geteuid() == 0 && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        perror("no mount namespace of our own");
    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
