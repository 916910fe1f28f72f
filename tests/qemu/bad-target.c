/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets that do not do their part, and things that happen in the middle of an upgrade: rolled back, the guest goes on
 * in its old QEMU, nothing is left, and the next upgrade works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "harness.h"
#include "processes.h"

static HarnessEngine *engine;
static HarnessGuest *guest;

static void
begin_with(const HarnessSpec *spec, HarnessBuild build)
{
    engine = harness_engine_new(NULL);
    guest = harness_guest_run(engine, "guest", build, spec);
}

static void
begin(void)
{
    begin_with(&harness_linux, BUILD_INSTALLED);
}

static void
end(void)
{
    harness_guest_check_rolled_back(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

static HarnessReply *
upgrade_to(const char *binary, const char *timeout)
{
    assert_true(sampler_read(guest->sampler, &guest->seen));
    return moult(engine, "upgrade", guest->name, "--to", binary, "--timeout", timeout, "--json", NULL);
}

/* A target that is BUILD, with its arguments changed by COMMANDS of the shell, is rolled back. */
static void
expect_rolled_back(HarnessBuild build, const char *commands, const char *code, const char *words)
{
    const char *script = harness_script(engine, "target", HARNESS_IF_TARGET "%s" HARNESS_FI "exec %s \"$@\"", commands,
                                        harness_build(build));
    g_autoptr(HarnessReply) reply = upgrade_to(script, "60");

    assert_outcome(reply, EXIT_FAILED, "rolled-back", code, words);
    harness_guest_check_untouched(guest);
}

/* ---- It does not start ---- */

static void
ends_at_start(void **state)
{
    (void)state;
    begin();
    expect_rolled_back(BUILD_SECOND, "echo 'I have no firmware' >&2; exit 3", "qemu-start", "I have no firmware");
    expect_rolled_back(BUILD_SECOND, "exit 0", "qemu-start", "said nothing");
    expect_rolled_back(BUILD_SECOND, "kill -SEGV $$", "qemu-start", "egmentation fault");
    expect_rolled_back(BUILD_SECOND, "yes 'many words' | head -c 3000000 >&2; printf '\\033[31mlast words\\n' >&2; exit 1",
                       "qemu-start", "last words");
    expect_rolled_back(BUILD_SECOND, "set -- \"$@\" -device nonsense", "qemu-start", "'nonsense' is not a valid device");
    end();
}

static void
hangs_at_start(void **state)
{
    (void)state;
    begin();
    const char *script = harness_script(engine, "target", HARNESS_IF_TARGET "exec sleep 1000" HARNESS_FI "exec %s \"$@\"",
                                        harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = upgrade_to(script, "2");
    assert_status(reply, EXIT_TIMED_OUT);
    assert_string_equal(qmp_json_get_string(reply_result(reply), "outcome"), "rolled-back");
    end();
}

static void
disk_is_gone(void **state)
{
    (void)state;
    begin();
    g_autofree char *away = g_strconcat(guest->disk, ".away", NULL);
    const char *script = harness_script(engine, "target", HARNESS_IF_TARGET "mv %s %s" HARNESS_FI "exec %s \"$@\"", guest->disk,
                                        away, harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = upgrade_to(script, "60");
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", "No such file or directory");
    assert_int_equal(g_rename(away, guest->disk), 0);
    end();
}

/* ---- It is another machine ---- */

static void
differs_from_the_source(void **state)
{
    (void)state;
    begin();
    expect_rolled_back(BUILD_SECOND, "set -- \"$@\" -device virtio-rng-pci", "devices-differ", "device");
    expect_rolled_back(BUILD_SECOND, "set -- \"$@\" -machine pc-q35-7.1", "machine-differs", "pc-q35-7.1");
    expect_rolled_back(BUILD_SECOND, "set -- \"$@\" -smp 4", "cpus-differ", "4");
    expect_rolled_back(BUILD_SECOND, "set -- \"$@\" -cpu Nehalem", "cpu-features", "lacks");
    expect_rolled_back(BUILD_SECOND, "set -- \"$@\" -object memory-backend-ram,id=more,size=16M", "ram-differs", "memory");
    end();
}

/* The last device of the guest's own is not passed on. */
static void
lacks_a_device(void **state)
{
    (void)state;
    begin();
    expect_rolled_back(BUILD_SECOND,
                       "for a; do shift; case $a in virtio-rng-pci) a=virtio-balloon-pci;; esac; set -- \"$@\" \"$a\"; done",
                       "devices-differ", "virtio-rng-pci");
    end();
}

static void
has_other_memory(void **state)
{
    (void)state;
    begin();
    g_autofree char *commands =
        g_strdup_printf("for a; do shift; set -- \"$@\" \"$(printf %%s \"$a\" | "
                        "sed 's|mem-path=/proc/self/fd/[0-9]*|mem-path=%s/other|')\"; done",
                        engine->folder);
    expect_rolled_back(BUILD_SECOND, commands, "ram-not-mapped", "pc.ram");
    end();
}

/* The newer build's `max` has features that the older one cannot give: known before anything is begun. */
static void
lacks_cpu_features(void **state)
{
    HarnessSpec spec = harness_linux;

    (void)state;
    spec.arguments = "-cpu max -drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0";
    spec.append = "moult.disk=/dev/vda";
    begin_with(&spec, BUILD_SECOND);
    g_autoptr(HarnessReply) reply = upgrade_to(harness_build(BUILD_INSTALLED), "60");
    assert_outcome(reply, EXIT_REFUSED, "refused", "cpu-features", "lacks");
    end();
}

/* ---- It refuses the state ---- */

static void
refuses_the_state(void **state)
{
    (void)state;
    begin();
    expect_rolled_back(BUILD_SECOND, "set -- \"$@\" -machine hpet=off", "migration-failed", "hpet");
    expect_rolled_back(BUILD_INSTALLED, "set -- \"$@\" -machine hpet=off", "migration-failed", "hpet");
    end();
}

/* ---- In the middle ---- */

static Gate *gate;

/* Far more than anything needs here that is not waited for in vain. */
#define SOON_US (2 * G_USEC_PER_SEC)

/* An upgrade to the second build, which stands at the gate. */
static Program *
begin_at_gate(const HarnessSpec *spec, const char *timeout)
{
    begin_with(spec, BUILD_INSTALLED);
    gate = gate_new(engine, BUILD_SECOND);
    Program *program =
        moult_start(engine, "upgrade", guest->name, "--to", gate->script, "--timeout", timeout, "--json", NULL);
    gate_await(gate);
    return program;
}

static void
end_at_gate(void)
{
    g_clear_pointer(&gate, gate_free);
    end();
}

static void
out_of_time(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "2");
    g_autoptr(HarnessReply) reply = moult_finish(program);

    (void)state;
    assert_status(reply, EXIT_TIMED_OUT);
    assert_string_equal(qmp_json_get_string(reply_result(reply), "outcome"), "rolled-back");
    end_at_gate();
}

static void
cancelled(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");
    gint64 begun_us = g_get_monotonic_time();
    g_autoptr(HarnessReply) cancel = moult(engine, "cancel", "1", "--json", NULL);
    g_autoptr(HarnessReply) reply = moult_finish(program);

    (void)state;
    assert_status(cancel, EXIT_DONE);
    assert_outcome(reply, EXIT_TIMED_OUT, "rolled-back", "cancelled", NULL);
    assert_true(g_get_monotonic_time() - begun_us < SOON_US);
    end_at_gate();
}

static void
interrupted_at_the_terminal(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");

    (void)state;
    program_signal(program, SIGINT);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_outcome(reply, EXIT_TIMED_OUT, "rolled-back", "cancelled", NULL);
    end_at_gate();
}

/* A client that leaves cancels nothing. */
static void
client_is_killed(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");

    (void)state;
    program_signal(program, SIGKILL);
    program_free(program);
    gate_open(gate);
    harness_guest_await_other(guest);
    harness_guest_check(guest);
    end_at_gate();
}

static void
engine_is_told_to_leave(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");

    (void)state;
    harness_engine_stop(engine);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_outcome(reply, EXIT_TIMED_OUT, "rolled-back", "cancelled", NULL);
    harness_engine_start(engine, NULL);
    end_at_gate();
}

static void
engine_is_killed(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");

    (void)state;
    harness_engine_kill(engine);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_status(reply, EXIT_UNREACHABLE);
    harness_engine_start(engine, NULL);
    end_at_gate();
}

static void
target_is_killed(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");
    g_autoptr(GPtrArray) processes = processes_find(engine->folder);

    (void)state;
    assert_int_equal(processes->len, 2);
    for (guint i = 0; i < processes->len; i++) {
        const Process *process = g_ptr_array_index(processes, i);
        if (process->pid != guest->pid)
            kill(process->pid, SIGKILL);
    }
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", "Killed");
    end_at_gate();
}

/* The guest has ended. It is noticed at once: the target still stands at the gate. How it ended is told. */
static void
expect_end_at_gate(Program *program, const char *reason)
{
    gint64 begun_us = g_get_monotonic_time();
    g_autoptr(HarnessReply) reply = moult_finish(program);

    assert_outcome(reply, EXIT_FAILED, "failed", "guest-ended", NULL);
    assert_true(g_get_monotonic_time() - begun_us < SOON_US);
    harness_guest_await_gone(guest);
    harness_engine_check(engine);
    g_autofree char *said = program_dup_messages(engine->moultd), *wanted = g_strdup_printf("guest: ended (%s)", reason);
    if (!strstr(said, wanted))
        fail_msg("not told: %s", wanted);
    g_clear_pointer(&gate, gate_free);
    harness_engine_finish(engine);
}

static void
command(unsigned number)
{
    g_autoptr(GError) error = NULL;

    if (!sampler_command(guest->sampler, number, 0, HARNESS_STEP_MS, &error))
        fail_msg("%s", error->message);
}

static void
guest_powers_off(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");

    (void)state;
    command(GUEST_COMMAND_POWER_OFF);
    expect_end_at_gate(program, "guest-shutdown");
}

static void
guest_panics(void **state)
{
    HarnessSpec spec = harness_linux;

    (void)state;
    spec.arguments = "-no-reboot";
    spec.append = "moult.disk=none panic=-1";
    Program *program = begin_at_gate(&spec, "60");
    command(GUEST_COMMAND_PANIC);
    expect_end_at_gate(program, "guest-reset");
}

/* The operator's monitor is his: `quit` is an order like any other. */
static void
operator_quits(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");

    (void)state;
    harness_guest_qmp(guest, "quit");
    expect_end_at_gate(program, "host-qmp-quit");
}

/* As the kernel does it that has no memory left. */
static void
source_is_killed(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");

    (void)state;
    assert_int_equal(kill(guest->pid, SIGKILL), 0);
    expect_end_at_gate(program, "killed");
}

static void
guest_reboots(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");
    g_autoptr(GError) error = NULL;

    (void)state;
    assert_true(sampler_command(guest->sampler, GUEST_COMMAND_REBOOT, 0, HARNESS_STEP_MS, &error));
    gate_open(gate);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    harness_guest_await_reboot(guest);
    end_at_gate();
}

static void
guest_is_paused_meanwhile(void **state)
{
    Program *program = begin_at_gate(&harness_linux, "60");

    (void)state;
    harness_guest_qmp(guest, "stop");
    gate_open(gate);
    gint64 begun_us = g_get_monotonic_time();
    g_autoptr(HarnessReply) reply = moult_finish(program);
    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    assert_true(g_get_monotonic_time() - begun_us < 2 * SOON_US);
    harness_guest_check_paused(guest);
    harness_guest_qmp(guest, "cont");
    harness_guest_check(guest);
    end_at_gate();
}

/* What the operator has paused stays so when it comes back. */
static void
guest_is_paused_before_a_roll_back(void **state)
{
    begin();
    gate = gate_new_with(engine, BUILD_SECOND, "set -- \"$@\" -machine hpet=off");
    (void)state;
    Program *program = moult_start(engine, "upgrade", guest->name, "--to", gate->script, "--json", NULL);
    gate_await(gate);
    harness_guest_qmp(guest, "stop");
    gate_open(gate);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "migration-failed", "hpet");
    harness_guest_check_paused(guest);
    harness_guest_qmp(guest, "cont");
    end_at_gate();
}

static void
guest_goes_on_meanwhile(void **state)
{
    begin();
    gate = gate_new(engine, BUILD_SECOND);
    (void)state;
    harness_guest_qmp(guest, "stop");
    harness_guest_check_paused(guest);
    Program *program = moult_start(engine, "upgrade", guest->name, "--to", gate->script, "--json", NULL);
    gate_await(gate);
    harness_guest_qmp(guest, "cont");
    gate_open(gate);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    g_autofree char *now = harness_guest_dup_state(guest);
    assert_string_equal(now, "running");
    harness_guest_check(guest);
    end_at_gate();
}

static void
device_is_plugged_meanwhile(void **state)
{
    HarnessSpec spec = harness_tiny;

    (void)state;
    spec.arguments = "-device qemu-xhci,id=usb";
    Program *program = begin_at_gate(&spec, "60");
    harness_guest_qmp_with(guest, "device_add", "{\"driver\":\"usb-tablet\",\"bus\":\"usb.0\",\"id\":\"late\"}");
    gate_open(gate);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "devices-differ", "late");
    harness_guest_check_untouched(guest);
    harness_guest_qmp_with(guest, "device_del", "{\"id\":\"late\"}");
    end_at_gate();
}

static void
stop_is_asked_for_meanwhile(void **state)
{
    Program *program = begin_at_gate(&harness_tiny, "60");
    g_autoptr(HarnessReply) stop = moult(engine, "stop", guest->name, "--json", NULL);

    (void)state;
    assert_refusal(stop, EXIT_REFUSED, "job-running", NULL);
    gate_open(gate);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    end_at_gate();
}

/* Without its -incoming the target would boot on the memory of the running guest. */
static void
ignores_incoming(void **state)
{
    (void)state;
    begin();
    const char *script = harness_script(engine, "target",
                                        "for a; do shift; case $a in -incoming) skip=1;; *) "
                                        "[ \"$skip\" ] || set -- \"$@\" \"$a\"; skip=;; esac; done\nexec %s \"$@\"",
                                        harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = upgrade_to(script, "60");
    assert_outcome(reply, EXIT_REFUSED, "refused", "binary-not-qemu", "-incoming");
    end();
}

/* A QEMU that is a child of what was started would be nobody's once that is killed. */
static void
script_without_exec(void **state)
{
    (void)state;
    begin();
    const char *script = harness_script(engine, "target", "%s \"$@\"\n: more to do", harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = upgrade_to(script, "60");
    assert_outcome(reply, EXIT_REFUSED, "refused", "binary-not-qemu", "exec");
    /* One that does so only when it matters. */
    const char *sly = harness_script(engine, "sly", HARNESS_IF_TARGET "%s \"$@\"; exit $?" HARNESS_FI "exec %s \"$@\"",
                                     harness_build(BUILD_SECOND), harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) sly_reply = upgrade_to(sly, "60");
    assert_outcome(sly_reply, EXIT_FAILED, "rolled-back", "ram-not-mapped", NULL);
    end();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(ends_at_start),
        HARNESS_TEST(hangs_at_start),
        HARNESS_TEST(disk_is_gone),
        HARNESS_TEST(differs_from_the_source),
        HARNESS_TEST(lacks_a_device),
        HARNESS_TEST(has_other_memory),
        HARNESS_TEST(lacks_cpu_features),
        HARNESS_TEST(refuses_the_state),
        HARNESS_TEST(out_of_time),
        HARNESS_TEST(cancelled),
        HARNESS_TEST(interrupted_at_the_terminal),
        HARNESS_TEST(client_is_killed),
        HARNESS_TEST(engine_is_told_to_leave),
        HARNESS_TEST(engine_is_killed),
        HARNESS_TEST(target_is_killed),
        HARNESS_TEST(guest_powers_off),
        HARNESS_TEST(guest_panics),
        HARNESS_TEST(operator_quits),
        HARNESS_TEST(source_is_killed),
        HARNESS_TEST(guest_reboots),
        HARNESS_TEST(guest_is_paused_meanwhile),
        HARNESS_TEST(guest_is_paused_before_a_roll_back),
        HARNESS_TEST(guest_goes_on_meanwhile),
        HARNESS_TEST(device_is_plugged_meanwhile),
        HARNESS_TEST(stop_is_asked_for_meanwhile),
        HARNESS_TEST(ignores_incoming),
        HARNESS_TEST(script_without_exec),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
