/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `check` says of guests of all kinds, and that an upgrade does what was said: refused with the first BLOCK, or done.
 * One guest shows as many codes as it can hold at once. Which test shows which code: tests/codes.list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "talk.h"

#define LISTENER "listener.sock"
#define BESIDE_SOCKET "beside.sock"

typedef struct {
    HarnessBuild build;    /* that it runs on; it is to move to the other one */
    HarnessSpec spec;      /* a tiny guest, with these arguments */
    const char *commands;  /* for its monitor, before the check: "NAME JSON" a line; NULL: none */
    const char *until;     /* the status that it comes to by them; NULL: not waited for */
    const char *rows;      /* "LEVEL code", separated by commas: these must be there */
    const char *beside;    /* a program that QEMU talks to, which makes BESIDE_SOCKET; NULL: none */
    bool waits;            /* for one of the commands: it does not run at first */
    bool unseen;           /* it cannot be watched: it stands still, or its memory is private */
} Case;

#define TINY(machine_name, more) {.machine = machine_name, .ram_mib = 16, .arguments = more}

static HarnessEngine *engine;

static HarnessGuest *
start(const Case *it)
{
    HarnessGuest *guest = harness_guest_new(engine, "codes", &it->spec);
    g_autoptr(HarnessReply) reply = harness_guest_launch(guest, harness_build(it->build), "run", "--json", NULL);

    assert_status(reply, EXIT_DONE);
    return guest;
}

static void
say(HarnessGuest *guest, const char *commands)
{
    g_auto(GStrv) parts = g_strsplit(commands, "@", -1);
    g_autofree char *text = g_strjoinv(engine->folder, parts);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line && **line; line++) {
        char *arguments = strchr(*line, ' ');
        if (arguments)
            *arguments++ = '\0';
        harness_guest_qmp_with(guest, *line, arguments);
    }
}

/* ---- What is said ---- */

static HarnessReply *
ask(const Case *it, const char *verb)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new();
    const char *to = harness_build(it->build == BUILD_INSTALLED ? BUILD_SECOND : BUILD_INSTALLED);

    for (const char *const *word = (const char *const[]){verb, "codes", "--json", "--to", to, NULL}; *word; word++)
        g_ptr_array_add(args, (gpointer)*word);
    g_ptr_array_add(args, NULL);
    return moult_v(engine, (const char *const *)args->pdata);
}

/* The code of the first BLOCK; NULL: none. Borrowed. */
static const char *
first_block(const HarnessReply *check)
{
    json_object *rows = reply_rows(check);

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);
        if (g_strcmp0(qmp_json_get_string(row, "level"), "BLOCK") == 0)
            return qmp_json_get_string(row, "code");
    }
    return NULL;
}

/* ---- What comes of it ---- */

static void
expect_upgraded(HarnessGuest *guest, const Case *it, const HarnessReply *reply)
{
    pid_t pid = guest->pid;

    assert_status(reply, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(reply_result(reply), "outcome"), "upgraded");
    if (it->unseen)
        return;
    harness_guest_await(guest);
    assert_int_not_equal(guest->pid, pid);
}

/* It runs when this returns. Owned; NULL where there is none. */
static Program *
start_beside(const Case *it)
{
    g_auto(GStrv) parts = g_strsplit(it->beside ? it->beside : "", "@folder@", -1);
    g_autofree char *line = g_strjoinv(engine->folder, parts);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_autofree char *path = g_build_filename(engine->folder, BESIDE_SOCKET, NULL);
    gint64 deadline_us = g_get_monotonic_time() + HARNESS_STEP_MS * G_TIME_SPAN_MILLISECOND;
    g_autoptr(GError) error = NULL;

    if (!*argv)
        return NULL;
    g_autofree char *found = g_find_program_in_path(argv[0]);
    if (!found)
        fail_msg("%s is not installed", argv[0]);
    g_free(argv[0]);
    argv[0] = g_steal_pointer(&found);
    Program *program = program_start((const char *const *)argv, NULL, -1, &error);
    if (!program)
        fail_msg("%s: %s", argv[0], error->message);
    while (access(path, F_OK) < 0) {
        if (!program_is_running(program) || g_get_monotonic_time() > deadline_us)
            fail_msg("%s: no %s", line, path);
        g_usleep(10000);
    }
    return program;
}

static void
go_through(const Case *it)
{
    engine = harness_engine_new(NULL);
    g_autofree char *path = g_build_filename(engine->folder, LISTENER, NULL);
    int listener = talk_listen_unix(path); /* which takes whoever comes, and hears nothing */
    g_autoptr(Program) beside = start_beside(it);
    HarnessGuest *guest = start(it);

    if (!it->waits && !it->unseen)
        harness_guest_await(guest);
    if (it->commands)
        say(guest, it->commands);
    if (it->until)
        harness_guest_await_status(guest, it->until);
    if (it->waits)
        harness_guest_await(guest);
    g_autoptr(HarnessReply) check = ask(it, "check");
    const char *block = first_block(check);
    g_autoptr(HarnessReply) upgrade = ask(it, "upgrade");

    assert_rows(check, it->rows);
    assert_status(check, block ? EXIT_REFUSED : EXIT_DONE);
    if (block)
        assert_outcome(upgrade, EXIT_REFUSED, "refused", block, NULL);
    else
        expect_upgraded(guest, it, upgrade);
    if (block && !it->unseen)
        harness_guest_check_untouched(guest);
    close(listener);
    harness_engine_finish(engine);
}

/* ---- Guests that cannot move ---- */

static void
test_devices_that_stay(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-7.2",
                     "-virtfs local,path=@folder@,mount_tag=x,security_model=none "
                     "-device qemu-xhci -device usb-host,vendorid=0x1234,productid=0x5678 "
                     "-object memory-backend-ram,id=iv,size=1M,share=on -device ivshmem-plain,memdev=iv "
                     "-device loader,addr=0x100000,data=1,data-len=4 "
                     "-drive if=none,id=nv,format=raw,file=@nvme.raw@ -device nvme,drive=nv,serial=1 "
                     "-audiodev none,id=au -device usb-audio,audiodev=au -audiodev wav,id=wa,path=@folder@/x.wav "
                     "-chardev socket,id=tc,path=@folder@/" BESIDE_SOCKET " -tpmdev emulator,id=tp,chardev=tc "
                     "-device tpm-tis,tpmdev=tp "
                     "-object sev-guest,id=sg,cbitpos=47,reduced-phys-bits=1"),
        .beside = "swtpm socket --tpm2 --tpmstate dir=@folder@ --ctrl type=unixio,path=@folder@/" BESIDE_SOCKET,
        .rows = "BLOCK device-tpm,BLOCK device-9p,BLOCK device-usb-host,BLOCK device-ivshmem,BLOCK device-loader,BLOCK device-nvme,"
                "BLOCK device-unmigratable,BLOCK audio-wav,BLOCK confidential-guest,BLOCK migration-blocked"};

    go_through(&it);
}

static void
test_channels_that_stay(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-7.2",
                     "-chardev pty,id=pt,mux=on -chardev udp,id=ud,host=127.0.0.1,port=9,localaddr=127.0.0.1,localport=0 "
                     "-chardev qemu-vdagent,id=va -chardev serial,id=ty,path=/dev/null "
                     "-chardev dbus,id=db,name=org.x -netdev user,id=n0 "
                     "-object filter-dump,id=fd,netdev=n0,file=@folder@/x.pcap -netdev socket,id=n1,listen=127.0.0.1:0 "
                     "-netdev user,id=n2,hostfwd=tcp:127.0.0.1:0-:80 "
                     "-chardev socket,id=cl,path=@folder@/cl.sock,server=on,wait=off -device isa-serial,chardev=cl "
                     "-vnc unix:@folder@/v1 -vnc unix:@folder@/" LISTENER ",reverse=on"),
        .commands = "chardev-change {\"id\":\"cl\",\"backend\":{\"type\":\"null\",\"data\":{}}}",
        .rows = "BLOCK chardev-pty,BLOCK chardev-udp,BLOCK chardev-vdagent,BLOCK chardev-device,"
                "BLOCK chardev-dbus,BLOCK chardev-listener,BLOCK net-filter-dump,OK net-hostfwd-changed,BLOCK net-socket,"
                "OK display-vnc-several,BLOCK display-vnc-reverse"};

    go_through(&it);
}

/* Whoever is asked for state of theirs is on the bus; nobody is. */
static void
test_state_of_other_processes_stays(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-object dbus-vmstate,id=vs,addr=unix:path=@folder@/" BESIDE_SOCKET),
                            .beside = "dbus-daemon --session --nofork --nopidfile --address=unix:path=@folder@/" BESIDE_SOCKET,
                            .rows = "BLOCK object-dbus-vmstate"};

    go_through(&it);
}

static void
test_disks_that_stay(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-7.2",
                     "-drive if=none,id=vf,file=fat:@folder@/config,format=raw,readonly=on "
                     "-drive if=none,id=sn,file=@sn.qcow2@,format=qcow2,snapshot=on "
                     "-drive if=none,id=d0,file=@d0.qcow2@,format=qcow2 -device virtio-blk-pci,drive=d0"),
        .commands = "block-dirty-bitmap-add {\"node\":\"d0\",\"name\":\"b\"}\n"
                    "drive-mirror {\"device\":\"d0\",\"target\":\"@/copy.raw\",\"format\":\"raw\",\"sync\":\"full\"}",
        .rows = "BLOCK disk-vvfat,BLOCK disk-snapshot,BLOCK dirty-bitmap,BLOCK block-job"};

    go_through(&it);
}

static void
test_recorded_run_stays(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-icount shift=4,rr=record,rrfile=@folder@/rr.bin"),
                            .rows = "BLOCK replay"};

    go_through(&it);
}

static void
test_machine_of_another_meaning_stays(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-serial none -serial null -singlestep -display dbus,p2p=on"),
                            .rows = "BLOCK serial-none,BLOCK option-gone,BLOCK display-dbus"};

    go_through(&it);
}

static void
test_old_build_cannot_take_it_back(void **state G_GNUC_UNUSED)
{
    static const Case it = {.build = BUILD_SECOND,
                            .spec = TINY("pc-q35-7.2",
                                         "-perfmap -m 16M,maxmem=1G -object memory-backend-ram,id=vm0,size=128M "
                                         "-device virtio-mem-pci,memdev=vm0,id=vm -device virtio-rng-pci,id=r0 "
                                         "-object memory-backend-ram,id=m0,size=16M -numa node,memdev=m0 "
                                         "-object acpi-generic-initiator,id=gi,pci-dev=r0,node=0"),
                            .rows = "BLOCK option-too-new,BLOCK device-virtio-mem,BLOCK object-unknown"};

    go_through(&it);
}

/* Whether it runs does not matter. */
static void
test_machine_without_versions_cannot_go_back(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .build = BUILD_SECOND, .spec = TINY("microvm,pcie=on", NULL), .rows = "BLOCK machine-unversioned", .unseen = true};

    go_through(&it);
}

static void
test_controller_that_a_newer_build_misreads(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-device am53c974"), .rows = "BLOCK device-state"};

    go_through(&it);
}

static void
test_migration_of_somebody_else(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", NULL),
                            .commands = "migrate {\"uri\":\"unix:@/" LISTENER "\"}",
                            .rows = "BLOCK migration-running"};

    go_through(&it);
}

static void
test_guest_that_has_left(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-no-shutdown"),
                            .commands = "stop\nhuman-monitor-command {\"command-line\":\"migrate exec:cat>/dev/null\"}",
                            .until = "postmigrate",
                            .rows = "BLOCK guest-state",
                            .unseen = true};

    go_through(&it);
}

static void
test_memory_of_two_kinds(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-7.2",
                     "-m 32M -object memory-backend-file,id=m0,size=16M,mem-path=@folder@/m0,share=off "
                     "-object memory-backend-file,id=m1,size=16M,mem-path=@folder@/m1,share=on -numa node,memdev=m0 -numa node,memdev=m1"),
        .rows = "BLOCK ram-mixed",
        .unseen = true};

    go_through(&it);
}

/* A sparse file: what is asked is whether a second one would fit. */
static void
test_no_room_for_a_second_copy(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-7.2,memory-backend=m0",
                     "-m 256G -object memory-backend-file,id=m0,size=256G,mem-path=@folder@/m0,share=off,reserve=off"),
        .rows = "BLOCK copy-memory",
        .unseen = true};

    go_through(&it);
}

/* ---- Guests that move, with a remark ---- */

static void
test_remarks_on_channels(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-7.2",
                     "-chardev ringbuf,id=rb -chardev socket,id=ag,host=127.0.0.1,port=1,reconnect=1 -chardev file,id=fi,path=@folder@/fi.log "
                     "-chardev socket,id=so,path=@folder@/so.sock,server=on,wait=off -netdev user,id=n0 "
                     "-device virtio-net-pci,netdev=n0 -vnc unix:@folder@/v1,password=on -gdb null -D @folder@/qemu.log"),
        .rows = "WARN chardev-ringbuf,WARN chardev-client-again,OK chardev-append,OK chardev-handed,OK net-user,OK display-vnc,"
                "WARN display-vnc-password,WARN gdb-dropped,OK log-handed"};

    go_through(&it);
}

static void
test_remarks_on_the_machine(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-4.2",
                     "-no-hpet -daemonize -pidfile @folder@/pid -mem-prealloc "
                     "-object rng-random,id=r0,opened=on,filename=/dev/urandom -device virtio-rng-pci,rng=r0 -S"),
        .commands = "cont",
        .waits = true,
        .rows = "WARN machine-deprecated,OK option-translated,OK daemonize-dropped,OK pidfile-kept,"
                "OK prealloc-dropped,OK setting-gone,OK stopped-dropped"};

    go_through(&it);
}

static void
test_remarks_on_memory(void **state G_GNUC_UNUSED)
{
    static const Case it = {
        .spec = TINY("pc-q35-7.2",
                     "-m 32M -object memory-backend-file,id=m0,size=16M,mem-path=@folder@/m0,share=on,discard-data=on "
                     "-object memory-backend-ram,id=m1,size=16M -numa node,memdev=m0 -numa node,memdev=m1"),
        .rows = "OK discard-data-off,OK memory-rewritten,OK ram-shared,OK host-memory"};

    go_through(&it);
}

static void
test_nothing_to_remark(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", NULL),
                            .rows = "OK binary,OK guest-state,OK migration,OK block-jobs,OK explained,OK devices,OK method,"
                                    "OK ram-shared,OK machine-known,OK cpu-features,OK host-memory"};

    go_through(&it);
}

/* 10.0 does not know PCOMMIT any more, which 7.2's "max" has under software emulation. */
static void
test_cpu_that_loses_a_feature(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-cpu max"), .rows = "WARN cpu-host,BLOCK cpu-features"};

    go_through(&it);
}

/* Without what 10.0 lacks. */
static void
test_cpu_that_loses_nothing(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-cpu max,pcommit=off"), .rows = "WARN cpu-host,OK cpu-features"};

    go_through(&it);
}

static void
test_pipe(void **state G_GNUC_UNUSED)
{
    static const Case it = {.spec = TINY("pc-q35-7.2", "-chardev pipe,id=pp,path=/dev/null"), .rows = "WARN chardev-pipe"};

    go_through(&it);
}

#define TEST(f) {.name = &#f[sizeof("test_") - 1], .test_func = f, .teardown_func = harness_teardown}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_devices_that_stay),
        TEST(test_channels_that_stay),
        TEST(test_state_of_other_processes_stays),
        TEST(test_disks_that_stay),
        TEST(test_recorded_run_stays),
        TEST(test_machine_of_another_meaning_stays),
        TEST(test_old_build_cannot_take_it_back),
        TEST(test_machine_without_versions_cannot_go_back),
        TEST(test_controller_that_a_newer_build_misreads),
        TEST(test_migration_of_somebody_else),
        TEST(test_guest_that_has_left),
        TEST(test_memory_of_two_kinds),
        TEST(test_no_room_for_a_second_copy),
        TEST(test_remarks_on_channels),
        TEST(test_remarks_on_the_machine),
        TEST(test_remarks_on_memory),
        TEST(test_nothing_to_remark),
        TEST(test_cpu_that_loses_a_feature),
        TEST(test_cpu_that_loses_nothing),
        TEST(test_pipe),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
