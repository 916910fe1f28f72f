/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks of all kinds through upgrades and rollbacks, as many as go into one guest, which writes to them and reads them back all the
 * time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "carry.h"
#include "image-lock.h"
#include "loop.h"

#define ATTEMPTS 50

static bool
program_succeeds(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error))
        fail_msg("%s: %s", argv[0], error->message);
    return status == 0;
}

static void
run_program(const char *const *argv)
{
    assert_true(program_succeeds(argv));
}

/* An overlay over one that is new, too. */
static void
make_chain(const HarnessEngine *engine, const char *base_name, const char *name)
{
    g_autofree char *base = g_build_filename(engine->folder, base_name, NULL);
    g_autofree char *path = g_build_filename(engine->folder, name, NULL);

    run_program((const char *const[]){"qemu-img", "create", "-q", "-f", "qcow2", base, "64M", NULL});
    run_program((const char *const[]){"qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", path, NULL});
}

/* A server of NAME.raw at NAME.sock for at most CLIENTS at once. It ends with the test. */
static Program *
serve(const HarnessEngine *engine, const char *name, const char *clients)
{
    g_autofree char *image_name = g_strdup_printf("%s.raw", name), *image = carry_make_raw(engine, image_name);
    g_autofree char *socket = g_strdup_printf("%s/%s.sock", engine->folder, name);
    g_autofree char *shared = g_strdup_printf("--shared=%s", clients);
    g_autofree char *program = g_find_program_in_path("qemu-nbd");
    const char *const argv[] = {program, "--persistent", "--format=raw", shared, "--socket", socket, image, NULL};
    g_autoptr(GError) error = NULL;
    assert_non_null(program);
    Program *server = program_start(argv, NULL, -1, &error);
    gint64 deadline_us = g_get_monotonic_time() + HARNESS_STEP_MS * G_GINT64_CONSTANT(1000);

    if (!server)
        fail_msg("qemu-nbd: %s", error->message);
    while (!g_file_test(socket, G_FILE_TEST_EXISTS)) {
        assert_true(program_is_running(server) && g_get_monotonic_time() < deadline_us);
        g_usleep(10000);
    }
    return server;
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "name file" of each, the place of its device where it has no name, and whether it is read-only; sorted. */
static char *
describe_disks(HarnessGuest *guest)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s/operator.sock", guest->engine->runtime, guest->name);
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, NULL);
    g_autoptr(json_object) disks = NULL;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    assert_true(client && qmp_client_wait_ready(client, &wait, NULL) &&
                qmp_client_call(client, "query-block", NULL, &wait, &disks, NULL));
    for (size_t i = 0; i < json_object_array_length(disks); i++) {
        json_object *disk = json_object_array_get_idx(disks, i), *inserted = qmp_json_get_object(disk, "inserted");
        const char *name = qmp_json_get_string(disk, "device");
        bool is_read_only = false;
        qmp_json_get_bool(inserted, "ro", &is_read_only);
        /* Which empty drives a machine has changes between versions. */
        if (inserted)
            g_ptr_array_add(lines, g_strdup_printf("%s %s %s", *name ? name : qmp_json_get_string(disk, "qdev"),
                                                   qmp_json_get_string(inserted, "file"), is_read_only ? "read-only" : ""));
    }
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

static void
disks_of_all_kinds_go_on(void **state)
{
    (void)state;
    static const char disks[] = "vda,/dev/vdb,/dev/vdc,/dev/vdd,/dev/vde,/dev/vdf,/dev/vdg";
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autoptr(Program) one = serve(engine, "one", "2"), two = serve(engine, "two", "2");

    make_chain(engine, "base1.qcow2", "top1.qcow2");
    make_chain(engine, "base2.qcow2", "top2.qcow2");
    HarnessSpec *spec = g_memdup2(
        carry_spec("-drive if=none,id=d1,format=raw,file=@d1.raw@,file.locking=off" CARRY_DEVICE("d1")
                   " -object throttle-group,id=tg,x-iops-total=2000 -blockdev driver=file,node-name=f2,filename=@d2.raw@,locking=on "
                   "-blockdev driver=throttle,node-name=d2,throttle-group=tg,file=f2" CARRY_DEVICE("d2")
                   " -drive if=none,id=d3,format=qcow2,file=@folder@/top1.qcow2" CARRY_DEVICE("d3")
                   " -blockdev driver=file,node-name=b4f,filename=@folder@/base2.qcow2,read-only=on "
                   "-blockdev driver=qcow2,node-name=b4,file=b4f,read-only=on -blockdev driver=file,node-name=f4,filename=@folder@/top2.qcow2 "
                   "-blockdev driver=qcow2,node-name=d4,file=f4,backing=b4" CARRY_DEVICE("d4")
                   " -drive if=none,id=d5,format=raw,file=nbd:unix:@folder@/one.sock" CARRY_DEVICE("d5")
                   " -blockdev driver=nbd,node-name=d6,server.type=unix,server.path=@folder@/two.sock" CARRY_DEVICE("d6")),
        sizeof(*spec));
    spec->append = g_strconcat("moult.load=5 moult.disk_mib=4 moult.disk_pause_ms=50 moult.disk=/dev/", disks, NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, spec);

    carry_roll_back(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_guest_check_disk(guest);
    assert_true(program_is_running(one) && program_is_running(two));
    harness_engine_finish(engine);
}

/* NAME in ENGINE's folder as a disk of the host, with an image of FORMAT on it. */
static char *
make_host_disk(const HarnessEngine *engine, const char *name, const char *format)
{
    g_autofree char *image = carry_make_raw(engine, name), *device = loop_attach(image);

    run_program((const char *const[]){"qemu-img", "create", "-q", "-f", format, device, "64M", NULL});
    return g_steal_pointer(&device);
}

/* Their locks are on the device's own inode, and move and come back as those of files do. */
static void
disks_of_the_host_go_on(void **state)
{
    (void)state;
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *one = make_host_disk(engine, "one.raw", "raw"), *two = make_host_disk(engine, "two.raw", "raw");
    g_autofree char *three = make_host_disk(engine, "three.raw", "qcow2"), *medium = make_host_disk(engine, "medium.raw", "raw");
    g_autofree char *other = make_host_disk(engine, "other.raw", "raw");
    g_autofree char *change = g_strdup_printf("{\"id\":\"cd\",\"filename\":\"%s\",\"format\":\"raw\"}", other);
    HarnessSpec spec = {
        .kernel = "cloud",
        .machine = "pc-q35-7.2",
        .ram_mib = 256,
        .append = "moult.load=5 moult.disk_mib=4 moult.disk_pause_ms=50 moult.disk=/dev/vda,/dev/vdb,/dev/vdc",
    };
    g_autofree char *arguments = g_strdup_printf(
        "-drive if=none,id=d1,format=raw,file=%s" CARRY_DEVICE("d1")
        " -blockdev driver=host_device,node-name=d2,filename=%s,cache.direct=on,aio=native" CARRY_DEVICE("d2")
        " -drive if=none,id=d3,format=qcow2,file=%s,file.locking=on" CARRY_DEVICE("d3")
        " -drive if=none,id=m,media=cdrom,readonly=on,format=raw,file=%s -device ide-cd,drive=m,id=cd", one, two, three, medium);
    spec.arguments = arguments;
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &spec);
    guest->disk = g_strdup(one);

    harness_guest_qmp_with(guest, "blockdev-change-medium", change);
    g_autofree char *before = describe_disks(guest);
    assert_non_null(strstr(before, other));
    carry_roll_back(guest);
    harness_guest_check_disk(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_true(image_is_written(one) && image_is_written(two) && image_is_written(three) && !image_is_written(other));
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_guest_check_disk(guest);
    g_autofree char *after = describe_disks(guest);
    assert_string_equal(after, before);
    harness_engine_finish(engine);
}

/*
 * With an iteration time that is of no use but for tests. Where the kernel counts processor time by ticks, qemu-img often cannot
 * measure how fast it is ("Unable to get accurate CPU usage"), so it may try again.
 */
static void
make_encrypted(const HarnessEngine *engine, const char *name, const char *format, const char *options, const char *secret)
{
    g_autofree char *path = g_build_filename(engine->folder, name, NULL);
    g_autofree char *object = g_strdup_printf("secret,id=s,%s", secret);

    const char *const argv[] = {"qemu-img", "create", "-q", "-f", format, "--object", object, "-o", options, path, "64M", NULL};
    bool is_made = false;
    for (int i = 0; i < ATTEMPTS && !is_made; i++)
        is_made = program_succeeds(argv);
    assert_true(is_made);
}

static void
encrypted_disks_go_on(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *key = g_build_filename(engine->folder, "key", NULL), *from_key = g_strconcat("file=", key, NULL);
    g_autoptr(GError) error = NULL;

    assert_true(g_file_set_contents(key, "of the first disk", -1, &error));
    make_encrypted(engine, "one.luks", "luks", "key-secret=s,iter-time=100", from_key);
    make_encrypted(engine, "two.qcow2", "qcow2", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=100", "data=second");
    HarnessSpec *spec = g_memdup2(
        carry_spec("-object secret,id=s1,file=@folder@/key -object secret,id=s2,data=second"
                   " -blockdev driver=file,node-name=f1,filename=@folder@/one.luks -blockdev driver=luks,node-name=d1,file=f1,key-secret=s1"
                   CARRY_DEVICE("d1")
                   " -drive if=none,id=d2,format=qcow2,encrypt.format=luks,encrypt.key-secret=s2,file=@folder@/two.qcow2" CARRY_DEVICE("d2")),
        sizeof(*spec));
    spec->append = "moult.load=5 moult.disk_mib=4 moult.disk_pause_ms=50 moult.disk=/dev/vda,/dev/vdb,/dev/vdc";
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, spec);

    carry_roll_back(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

static void
expect_row(HarnessGuest *guest, const char *row)
{
    g_autoptr(HarnessReply) check = moult(guest->engine, "check", guest->name, "--to", harness_build(BUILD_SECOND), NULL);

    assert_status(check, EXIT_DONE);
    if (!strstr(check->text, row))
        fail_msg("“%s” is not in: %s", row, check->text);
}

/* As qemu-nbd is when it is told nothing: the next QEMU would wait for it for ever. */
static void
nbd_server_that_takes_one_client_is_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autoptr(Program) one = serve(engine, "one", "1"), three = serve(engine, "three", "3");
    HarnessGuest *single =
        harness_guest_run(engine, "single", BUILD_INSTALLED,
                          carry_spec_tiny("-drive if=none,id=d0,format=raw,file=nbd:unix:@folder@/one.sock" CARRY_DEVICE("d0")));
    HarnessGuest *twice = harness_guest_run(
        engine, "twice", BUILD_INSTALLED,
        carry_spec_tiny("-blockdev driver=nbd,node-name=d0,read-only=on,server.type=unix,server.path=@folder@/three.sock"
                        " -blockdev driver=nbd,node-name=d1,read-only=on,server.type=unix,server.path=@folder@/three.sock"));

    carry_expect_refusal(single, "disk-nbd");
    carry_expect_refusal(twice, "disk-nbd");
    harness_guest_qmp_with(twice, "blockdev-del", "{\"node-name\":\"d1\"}");
    expect_row(twice, "OK     disk-nbd");
    harness_guest_upgrade(twice, BUILD_SECOND);
    assert_true(program_is_running(one) && program_is_running(three));
    harness_engine_finish(engine);
}

/* ---- Media, and options that stand for disks ---- */

static void
short_options_and_media_stay(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *boot = g_build_filename(engine->folder, "guest-hda.raw", NULL);
    g_autofree char *vars = g_build_filename(engine->folder, "vars.fd", NULL), *code = g_build_filename(engine->folder, "code.fd", NULL);
    g_autofree char *newer = g_strconcat(code, ".dpkg-new", NULL);

    run_program((const char *const[]){"cp", harness_tiny_image(), boot, NULL}); /* the firmware tries no other */
    run_program((const char *const[]){"truncate", "--size=128K", vars, NULL});
    run_program((const char *const[]){"cp", "/usr/share/seabios/bios-256k.bin", code, NULL});
    HarnessSpec *spec = g_memdup2(
        carry_spec_tiny("-hda @hda.raw@ -hdb @hdb.raw@ -cdrom @cd.raw@ -fda @fda.raw@ -drive if=none,id=unused,format=raw,file=@unused.raw@"
                        " -drive if=virtio,format=raw,file=@virtio.raw@,readonly=on"
                        " -blockdev driver=file,node-name=ro,filename=@ro.raw@,read-only=on,locking=auto" CARRY_DEVICE("ro")
                        " -blockdev driver=file,node-name=auto,filename=@auto.raw@,auto-read-only=on,read-only=on" CARRY_DEVICE("auto")
                        " -device ide-cd,bus=ide.1,unit=1,id=empty"
                        " -drive if=pflash,unit=0,format=raw,readonly=on,file=@folder@/code.fd"
                        " -drive if=pflash,unit=1,format=raw,file=@folder@/vars.fd"),
        sizeof(*spec));
    spec->machine = "pc-i440fx-7.2";
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, spec);
    g_autofree char *before = describe_disks(guest);

    assert_non_null(strstr(before, "floppy0"));
    /* As an update of the firmware's package does: another file by the same name, while the old one is still open. */
    run_program((const char *const[]){"cp", "/usr/share/seabios/bios-256k.bin", newer, NULL});
    assert_int_equal(rename(newer, code), 0);
    harness_guest_upgrade(guest, BUILD_SECOND);
    g_autofree char *second = describe_disks(guest);
    assert_string_equal(second, before);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    g_autofree char *third = describe_disks(guest);
    assert_string_equal(third, before);
    harness_engine_finish(engine);
}

/* What the guest has written is in a file that no longer has a name. */
static void
snapshot_is_refused_as_such(void **state)
{
    (void)state;
    carry_expect_refused(carry_spec_tiny("-drive if=none,id=d1,format=qcow2,file=@d1.qcow2@,snapshot=on"), "disk-snapshot");
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(disks_of_all_kinds_go_on),
        HARNESS_TEST(disks_of_the_host_go_on),
        HARNESS_TEST(encrypted_disks_go_on),
        HARNESS_TEST(nbd_server_that_takes_one_client_is_refused),
        HARNESS_TEST(short_options_and_media_stay),
        HARNESS_TEST(snapshot_is_refused_as_such),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
