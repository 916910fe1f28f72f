/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back where somebody else keeps the locks of the guest's disk: the target cannot take it, and neither can the source,
 * for a while or for good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "image-lock.h"
#include "processes.h"

#define POLL_US 5000
#define STANDSTILL_US 300000
/* From the end of the lock until the guest runs: far more than it takes, far less than giving up does. */
#define SOON_US (5 * G_USEC_PER_SEC)

static const HarnessSpec tiny_with_disk = {
    .machine = "pc-q35-7.2",
    .ram_mib = 16,
    .arguments = "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0",
};

/* The same, its memory private: QEMU 7.2 is stopped for the copy, and it is the engine that lets the target run. */
static const HarnessSpec private_with_disk = {
    .machine = "pc-q35-7.2,memory-backend=m0",
    .ram_mib = 64,
    .arguments = "-object memory-backend-file,id=m0,size=64M,share=off,mem-path=@folder@/ram "
                 "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0",
};

static HarnessEngine *engine;
static HarnessGuest *guest;
static int lock = -1;

static void
begin(const HarnessSpec *spec, HarnessBuild build)
{
    engine = harness_engine_new(NULL);
    guest = harness_guest_run(engine, "g", build, spec);
    lock = image_lock(guest->disk);
}

static void
end_lock(void)
{
    close(lock);
    lock = -1;
}

static void
end(HarnessBuild next)
{
    harness_guest_check_rolled_back(guest, next);
    harness_engine_finish(engine);
}

/* The guest stands, and its target is dead: all that is missing is the disk. */
static void
await_standstill(void)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;

    for (;;) {
        g_autoptr(GPtrArray) processes = processes_find(engine->folder);
        if (processes->len == 1 && !image_is_written(guest->disk)) /* which it is until it is handed over */
            break;
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("the upgrade does not come to where the disk is missing");
        g_usleep(POLL_US);
    }
    for (uint64_t before = 0, now; now = sampler_get_ticks(guest->sampler), now != before; before = now) {
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("the guest goes on without its disk");
        g_usleep(STANDSTILL_US);
    }
}

/* ---- The target has the whole state, and starts as little as the source then does ---- */

static void
come_back_late(HarnessBuild from, HarnessBuild to)
{
    begin(&harness_linux, from);
    Program *upgrade = moult_start(engine, "upgrade", "g", "--to", harness_build(to), "--json", NULL);

    await_standstill();
    gint64 released_us = g_get_monotonic_time();
    end_lock();
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "target-not-running", NULL);
    assert_in_range(g_get_monotonic_time() - released_us, 0, SOON_US);
    end(to);
}

static void
locks_come_back_late(void **state G_GNUC_UNUSED)
{
    come_back_late(BUILD_INSTALLED, BUILD_SECOND);
}

static void
locks_come_back_late_to_the_second_build(void **state G_GNUC_UNUSED)
{
    come_back_late(BUILD_SECOND, BUILD_INSTALLED);
}

static void
locks_come_back_late_to_a_guest_that_is_copied(void **state G_GNUC_UNUSED)
{
    begin(&private_with_disk, BUILD_INSTALLED);
    Program *upgrade = moult_start(engine, "upgrade", "g", "--to", harness_build(BUILD_SECOND), "--json", NULL);

    await_standstill();
    end_lock();
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "target-not-running", NULL);
    harness_guest_check_untouched(guest);
    harness_engine_finish(engine);
}

static void
expect_doubt(const char *words)
{
    g_autoptr(HarnessReply) show = moult(engine, "show", "g", "--json", NULL);
    json_object *evidence = qmp_json_get_object(qmp_json_get_object(show->output, "details"), "evidence");
    const char *trouble = qmp_json_get_string(evidence, "trouble"), *code = qmp_json_get_string(evidence, "trouble_code");

    assert_status(show, EXIT_DONE);
    if (!trouble || !strstr(trouble, words) || g_strcmp0(code, "source-not-resumed") != 0)
        fail_msg("the evidence does not say '%s': %s", words, show->text);
}

/* Nobody can decide that but who holds the lock: the guest waits for its operator, and for the end of the lock. */
static void
locks_do_not_come_back(void **state G_GNUC_UNUSED)
{
    begin(&harness_linux, BUILD_INSTALLED);
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", "g", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(reply, EXIT_OPERATOR, "needs-operator", "target-not-running", "lock");
    expect_doubt("lock");
    end_lock();
    g_autoptr(HarnessReply) resolve = moult(engine, "resolve", "g", "--keep=source", "--json", NULL);
    assert_status(resolve, EXIT_DONE);
    end(BUILD_SECOND);
}

/* ---- The migration fails, and QEMU resumes by itself, without its disk: its first write would end it ---- */

static void
fail_without_the_disk(HarnessBuild from, HarnessBuild to)
{
    begin(&tiny_with_disk, from);
    const char *script = harness_script(engine, "target",
                                        "case \" $* \" in *moult-monitor*' -incoming '*) set -- \"$@\" -machine hpet=off;; esac\n"
                                        "exec %s \"$@\"",
                                        harness_build(to));
    Program *upgrade = moult_start(engine, "upgrade", "g", "--to", script, "--json", NULL);

    await_standstill();
    end_lock();
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "migration-failed", "hpet");
    harness_guest_check_untouched(guest);
    harness_guest_qmp_with(guest, "human-monitor-command", "{\"command-line\":\"qemu-io disk0 \\\"write 0 4k\\\"\"}");
    end(to);
}

static void
source_that_resumes_without_its_disk(void **state G_GNUC_UNUSED)
{
    fail_without_the_disk(BUILD_INSTALLED, BUILD_SECOND);
}

static void
source_of_the_second_build_that_resumes_without_its_disk(void **state G_GNUC_UNUSED)
{
    fail_without_the_disk(BUILD_SECOND, BUILD_SECOND);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(locks_come_back_late),
        HARNESS_TEST(locks_come_back_late_to_the_second_build),
        HARNESS_TEST(locks_come_back_late_to_a_guest_that_is_copied),
        HARNESS_TEST(locks_do_not_come_back),
        HARNESS_TEST(source_that_resumes_without_its_disk),
        HARNESS_TEST(source_of_the_second_build_that_resumes_without_its_disk),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
