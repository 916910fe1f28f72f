/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests that are no longer what their command line says: what was plugged, unplugged and changed goes along, into the
 * other build, back after a rollback, and into the next one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "carry.h"
#include "harness.h"
#include "operator.h"
#include "talk.h"

static HarnessEngine *engine;

static void
make_image(const char *name)
{
    g_autofree char *path = g_build_filename(engine->folder, name, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && ftruncate(fd, 64 << 20) == 0);
    close(fd);
}

#define PERIPHERAL "{\"path\":\"/machine/peripheral\"}"

/* ---- Media ---- */

static void
look_at_media(HarnessGuest *guest)
{
    operator_expect(guest, "query-block", NULL, "@/second.iso", true);
    operator_expect(guest, "query-block", NULL, "@/overlay.qcow2", true);
    operator_expect(guest, "query-block", NULL, "@/fourth.iso", true);
    operator_expect(guest, "query-block", NULL, "@/first.iso", false);
    operator_expect(guest, "query-block", NULL, "@/third.iso", false);
    operator_expect(guest, "query-block", NULL, "@/out.iso", false);
    operator_expect(guest, "query-block", NULL, "@/gone.iso", false);
}

static void
test_media_are_those_of_now(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {
        .machine = "pc-q35-7.2",
        .ram_mib = 16,
        .arguments = "-drive if=none,id=cd0,media=cdrom,file=@folder@/first.iso,format=raw -device ide-cd,drive=cd0,id=one,bus=ide.0 "
                     "-drive if=none,id=cd1,media=cdrom,file=@folder@/out.iso,format=raw -device ide-cd,drive=cd1,id=two,bus=ide.1 "
                     "-blockdev driver=file,node-name=n3,filename=@folder@/third.iso,read-only=on "
                     "-device ide-cd,drive=n3,id=three,bus=ide.3 "
                     "-blockdev driver=file,node-name=n4,filename=@folder@/gone.iso,read-only=on "
                     "-device ide-cd,drive=n4,id=four,bus=ide.4 "
                     "-drive if=none,id=hd0,file=@hd0.qcow2@,format=qcow2 -device virtio-blk-pci,drive=hd0,id=hd"};
    static const char *const images[] = {"first.iso", "second.iso", "out.iso", "third.iso", "fourth.iso", "gone.iso"};

    engine = harness_engine_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(images); i++)
        make_image(images[i]);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest,
        "blockdev-change-medium {\"id\":\"one\",\"filename\":\"@/second.iso\",\"format\":\"raw\"}\n"
        "eject {\"id\":\"two\",\"force\":true}\n"
        "blockdev-change-medium {\"id\":\"three\",\"filename\":\"@/fourth.iso\",\"format\":\"raw\"}\n"
        "blockdev-open-tray {\"id\":\"four\",\"force\":true}\nblockdev-remove-medium {\"id\":\"four\"}\n"
        "blockdev-del {\"node-name\":\"n4\"}\n"
        "blockdev-snapshot-sync {\"device\":\"hd0\",\"snapshot-file\":\"@/overlay.qcow2\",\"format\":\"qcow2\"}");
    operator_expect_row(guest, "OK     medium-changed");
    operator_move_around(guest, look_at_media);
    harness_engine_finish(engine);
}

static void
look_at_shorthands(HarnessGuest *guest)
{
    operator_expect(guest, "query-block", NULL, "@/second.iso", true);
    operator_expect(guest, "query-block", NULL, "@/first.iso", false);
}

static void
test_media_of_short_options_too(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = "-cdrom @folder@/first.iso"};

    engine = harness_engine_new(NULL);
    make_image("first.iso");
    make_image("second.iso");
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest, "blockdev-change-medium {\"device\":\"ide2-cd0\",\"filename\":\"@/second.iso\",\"format\":\"raw\"}");
    operator_move_around(guest, look_at_shorthands);
    harness_engine_finish(engine);
}

/* ---- Limits ---- */

#define TG0 "{\"path\":\"/objects/tg0\",\"property\":\"limits\"}"
#define TG1 "{\"path\":\"/objects/tg1\",\"property\":\"limits\"}"

static void
look_at_limits(HarnessGuest *guest)
{
    static const char *const now[] = {"\"bps\":777000",        "\"bps_max\":888000", "\"bps_max_length\":7", "\"iops\":501",
                                      "\"iops_max\":900",   "\"iops_size\":4096", "\"group\":\"shared\""};
    static const char *const then[] = {"\"bps\":1000000", "\"bps_wr\":2000000", "\"group\":\"hd1\""};

    for (gsize i = 0; i < G_N_ELEMENTS(now); i++)
        operator_expect(guest, "query-block", NULL, now[i], true);
    for (gsize i = 0; i < G_N_ELEMENTS(then); i++)
        operator_expect(guest, "query-block", NULL, then[i], false);
    operator_expect(guest, "qom-get", TG0, "\"iops-total\":51", true);
    operator_expect(guest, "qom-get", TG0, "\"iops-total-max\":71", true);
    operator_expect(guest, "qom-get", TG1, "\"bps-read\":123456", true);
}

#define NO_RATES "\"bps_rd\":0,\"bps_wr\":0,\"iops_rd\":0,\"iops_wr\":0"

static void
test_limits_are_those_of_now(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {
        .machine = "pc-q35-7.2",
        .ram_mib = 16,
        .arguments = "-drive if=none,id=hd0,file=@hd0.raw@,format=raw,throttling.bps-total=1000000 -device virtio-blk-pci,drive=hd0 "
                     "-drive if=none,id=hd1,file=@hd1.raw@,format=raw,throttling.bps-write=2000000 -device virtio-blk-pci,drive=hd1,id=one "
                     "-blockdev driver=file,node-name=n2,filename=@hd2.raw@ -device virtio-blk-pci,drive=n2 "
                     "-blockdev driver=file,node-name=n3,filename=@hd3.raw@ -device virtio-blk-pci,drive=n3,id=three "
                     "-object throttle-group,id=tg0,x-iops-total=100 "
                     "-blockdev driver=throttle,node-name=n4,throttle-group=tg0,file.driver=file,file.filename=@hd4.raw@ "
                     "-device virtio-blk-pci,drive=n4"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest,
        "block_set_io_throttle {\"device\":\"hd0\",\"bps\":777000,\"bps_max\":888000,\"bps_max_length\":7,\"iops\":0," NO_RATES "}\n"
        "block_set_io_throttle {\"device\":\"hd1\",\"bps\":0,\"iops\":0," NO_RATES "}\n"
        /* without an id, behind those of the boot disk and of hd0; one group of two disks */
        "block_set_io_throttle {\"id\":\"/machine/peripheral-anon/device[2]/virtio-backend\",\"bps\":0,\"iops\":99,\"group\":\"shared\"," NO_RATES "}\n"
        "block_set_io_throttle {\"id\":\"/machine/peripheral/three/virtio-backend\",\"bps\":0,\"iops\":501,\"iops_size\":4096,\"iops_max\":900,\"group\":\"shared\"," NO_RATES "}\n"
        "qom-set {\"path\":\"/objects/tg0\",\"property\":\"limits\",\"value\":{\"iops-total\":51,\"iops-total-max\":71}}\n"
        "object-add {\"qom-type\":\"throttle-group\",\"id\":\"tg1\",\"limits\":{\"bps-read\":123456}}");
    operator_expect_row(guest, "OK     disk-throttle");
    operator_move_around(guest, look_at_limits);
    harness_engine_finish(engine);
}

/* ---- Devices ---- */

#define PORTS "-device pcie-root-port,id=rp0,chassis=1 -device pcie-root-port,id=rp1,chassis=2 " \
              "-device pcie-root-port,id=rp2,chassis=3 -device pcie-root-port,id=rp3,chassis=4 "

static void
look_at_devices(HarnessGuest *guest)
{
    static const char *const types[] = {"virtio-rng-pci", "virtio-blk-pci",  "virtio-net-pci", "virtserialport",
                                        "usb-kbd",        "virtio-scsi-pci", "scsi-hd",        "qemu64-x86_64-cpu"};

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *child = g_strdup_printf("child<%s>", types[i]);
        operator_expect(guest, "qom-list", PERIPHERAL, child, true);
    }
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/nic9\",\"property\":\"mac\"}", "52:54:00:11:22:33", true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/vd9\",\"property\":\"serial\"}", "S9", true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/vd9\",\"property\":\"write-cache\"}", "off", true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/rng9\",\"property\":\"max-bytes\"}", "4096", true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/rng9\",\"property\":\"rng\"}", "/objects/r9", true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/port9\",\"property\":\"name\"}", "org.example.9", true);
    operator_expect(guest, "query-named-block-nodes", "{\"flat\":true}", "\"prot1\"", true);
    operator_expect(guest, "query-cpus-fast", NULL, "\"cpu-index\":1", true);
    g_autofree char *path = operator_expand(engine, "@/late.sock");
    int fd = talk_connect_unix(path);
    close(fd);
}

static void
test_plugged_devices_go_along(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = PORTS "-smp 1,maxcpus=2 -device virtio-serial-pci,id=vs -device qemu-xhci,id=xhci "
                                                        "-device usb-tablet,id=tab -netdev user,id=n0"};

    engine = harness_engine_new(NULL);
    make_image("sd.raw");
    g_autofree char *image = operator_expand(engine, "@/d.qcow2");
    const char *create[] = {"qemu-img", "create", "-q", "-f", "qcow2", image, "64M", NULL};
    assert_true(g_spawn_sync(NULL, (char **)create, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest,
        "object-add {\"qom-type\":\"rng-random\",\"id\":\"r9\",\"filename\":\"/dev/urandom\"}\n"
        "device_add {\"driver\":\"virtio-rng-pci\",\"id\":\"rng9\",\"bus\":\"rp0\",\"rng\":\"r9\",\"max-bytes\":4096,\"period\":500}\n"
        "object-add {\"qom-type\":\"iothread\",\"id\":\"io9\"}\n"
        "blockdev-add {\"driver\":\"qcow2\",\"node-name\":\"fmt1\",\"file\":{\"driver\":\"file\",\"filename\":\"@/d.qcow2\",\"node-name\":\"prot1\"}}\n"
        "device_add {\"driver\":\"virtio-blk-pci\",\"id\":\"vd9\",\"bus\":\"rp1\",\"drive\":\"fmt1\",\"serial\":\"S9\",\"write-cache\":\"off\",\"iothread\":\"io9\"}\n"
        "device_add {\"driver\":\"virtio-net-pci\",\"id\":\"nic9\",\"bus\":\"rp2\",\"netdev\":\"n0\",\"mac\":\"52:54:00:11:22:33\"}\n"
        "chardev-add {\"id\":\"late\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{\"path\":\"@/late.sock\"}},\"server\":true,\"wait\":false}}}\n"
        "device_add {\"driver\":\"virtserialport\",\"id\":\"port9\",\"bus\":\"vs.0\",\"chardev\":\"late\",\"name\":\"org.example.9\"}\n"
        "device_add {\"driver\":\"qemu64-x86_64-cpu\",\"id\":\"cpu9\",\"socket-id\":0,\"core-id\":1,\"thread-id\":0}\n"
        "device_add {\"driver\":\"usb-kbd\",\"id\":\"kbd9\",\"bus\":\"xhci.0\"}\n"
        /* a bus that was plugged, and what sits on it, whose id comes before that of the bus */
        "device_add {\"driver\":\"virtio-scsi-pci\",\"id\":\"zscsi9\",\"bus\":\"rp3\"}\n"
        "blockdev-add {\"driver\":\"raw\",\"node-name\":\"sd9\",\"file\":{\"driver\":\"file\",\"filename\":\"@/sd.raw\"}}\n"
        "device_add {\"driver\":\"scsi-hd\",\"id\":\"adisk9\",\"bus\":\"zscsi9.0\",\"drive\":\"sd9\",\"scsi-id\":3,\"lun\":1}");
    operator_expect_row(guest, "OK     device-plugged");
    operator_expect_row(guest, "OK     cpu-plugged");
    operator_expect_row(guest, "OK     chardev-added");
    operator_expect_row(guest, "OK     object-added");
    operator_expect_row(guest, "WARN   disk-settings");
    operator_move_around(guest, look_at_devices);
    harness_engine_finish(engine);
}

static void
look_at_the_rest(HarnessGuest *guest)
{
    operator_expect(guest, "qom-list", PERIPHERAL, "\"tab\"", false);
    operator_expect(guest, "qom-list", PERIPHERAL, "\"sd\"", false);
    operator_expect(guest, "qom-list", PERIPHERAL, "\"port\"", false);
    operator_expect(guest, "qom-list", PERIPHERAL, "\"kbd\"", true);
    operator_expect(guest, "query-chardev", NULL, "\"ch\"", false);
    operator_expect(guest, "query-block", NULL, "sd.raw", false);
    operator_expect(guest, "qom-list", "{\"path\":\"/objects\"}", "\"io1\"", false);
    operator_expect(guest, "human-monitor-command", "{\"command-line\":\"info usb\"}", "Port 2", true);
    operator_expect(guest, "human-monitor-command", "{\"command-line\":\"info network\"}", "n1: ", false);
}

static void
test_unplugged_devices_stay_out(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {
        .machine = "pc-q35-7.2",
        .ram_mib = 16,
        .arguments = "-device qemu-xhci,id=xhci -device usb-tablet,id=tab -device usb-kbd,id=kbd "
                     "-global virtio-blk-pci.bootindex=1 -device virtio-scsi-pci,id=scsi0 -drive if=none,id=sd0,file=@sd.raw@,format=raw -device scsi-hd,drive=sd0,id=sd "
                     "-device virtio-serial-pci,id=vs -chardev null,id=ch -device virtserialport,chardev=ch,id=port "
                     "-netdev user,id=n1 -device usb-net,netdev=n1,id=un -object iothread,id=io1"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest, "device_del {\"id\":\"tab\"}\ndevice_del {\"id\":\"sd\"}\ndevice_del {\"id\":\"port\"}\n"
               "device_del {\"id\":\"un\"}\nobject-del {\"id\":\"io1\"}");
    operator_say_until_done(guest, "chardev-remove", "{\"id\":\"ch\"}");
    operator_say_until_done(guest, "netdev_del", "{\"id\":\"n1\"}");
    operator_expect_row(guest, "OK     device-unplugged");
    operator_expect_row(guest, "OK     chardev-removed");
    operator_expect_row(guest, "OK     object-removed");
    operator_move_around(guest, look_at_the_rest);
    harness_engine_finish(engine);
}

static guint16 forwarded_port;

static void
look_at_back_ends(HarnessGuest *guest)
{
    g_autofree char *row = g_strdup_printf("127.0.0.1 %u       10.0.2.15    22", forwarded_port);

    operator_expect(guest, "human-monitor-command", "{\"command-line\":\"info network\"}", "n9: index=0,type=user,net=10.0.2.0,restrict=on",
           true);
    operator_expect(guest, "human-monitor-command", "{\"command-line\":\"info network\"}", "n0: ", false);
    operator_expect(guest, "human-monitor-command", "{\"command-line\":\"info usernet\"}", row, true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/nic9\",\"property\":\"netdev\"}", "n9", true);
    assert_true(talk_can_connect_tcp(AF_INET, forwarded_port));
}

static void
test_plugged_back_ends_go_along(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2", .ram_mib = 16, .arguments = PORTS "-netdev user,id=n0"};

    engine = harness_engine_new(NULL);
    do
        forwarded_port = talk_free_port(SOCK_STREAM);
    while (forwarded_port < 10000); /* as it is aligned in the row */
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    g_autofree char *commands = g_strdup_printf(
        "netdev_del {\"id\":\"n0\"}\n"
        "netdev_add {\"type\":\"user\",\"id\":\"n9\",\"restrict\":true,\"hostfwd\":[{\"str\":\"tcp:127.0.0.1:%u-:22\"}]}\n"
        "device_add {\"driver\":\"virtio-net-pci\",\"id\":\"nic9\",\"bus\":\"rp0\",\"netdev\":\"n9\"}",
        forwarded_port);
    operator_say(guest, commands);
    operator_expect_row(guest, "OK     netdev-added");
    operator_expect_row(guest, "OK     netdev-removed");
    operator_expect_row(guest, "WARN   netdev-settings");
    operator_move_around(guest, look_at_back_ends);
    harness_engine_finish(engine);
}

static HarnessGuest *
run_paused(const HarnessSpec *spec)
{
    HarnessGuest *guest = harness_guest_new(engine, "g", spec);
    g_autoptr(HarnessReply) reply =
        harness_guest_launch(guest, harness_build(BUILD_INSTALLED), "run", "--json", NULL);

    assert_status(reply, EXIT_DONE);
    return guest;
}

/* A guest of Linux that works on a disk which its command line does not name. */
static void
test_plugged_disk_goes_on(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.kernel = "cloud",
                                     .machine = "pc-q35-7.2",
                                     .ram_mib = 256,
                                     .arguments = "-S -device pcie-root-port,id=rp0,chassis=1",
                                     .append = "moult.disk=/dev/vda"};

    engine = harness_engine_new(NULL);
    make_image("late.raw");
    HarnessGuest *guest = run_paused(&spec);
    operator_say(guest,
        "blockdev-add {\"driver\":\"raw\",\"node-name\":\"late\",\"file\":{\"driver\":\"file\",\"filename\":\"@/late.raw\"}}\n"
        "device_add {\"driver\":\"virtio-blk-pci\",\"id\":\"vd9\",\"bus\":\"rp0\",\"drive\":\"late\"}\ncont");
    guest->disk = g_build_filename(engine->folder, "late.raw", NULL);
    harness_guest_await(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_check_disk(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

/* ---- What cannot be described ---- */

static void
expect_blocks(HarnessGuest *guest, const char *code)
{
    g_autofree char *row = g_strdup_printf("BLOCK  %s", code);
    g_autoptr(HarnessReply) check = moult(engine, "check", guest->name, "--to", harness_build(BUILD_SECOND), NULL);

    assert_status(check, EXIT_REFUSED);
    if (!strstr(check->text, row))
        fail_msg("“%s” is not in: %s", row, check->text);
}

static void
test_what_cannot_be_told_is_refused(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = PORTS "-m 16M,slots=2,maxmem=1G -device qemu-xhci,id=xhci "
                                                        "-device usb-tablet -device usb-mouse,id=mo"};

    engine = harness_engine_new(NULL);
    make_image("a.raw");
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest,
        "chardev-add {\"id\":\"late\",\"backend\":{\"type\":\"ringbuf\",\"data\":{}}}\n"
        "object-add {\"qom-type\":\"secret\",\"id\":\"s9\",\"data\":\"xyz\"}\n"
        "blockdev-add {\"driver\":\"copy-on-read\",\"node-name\":\"f9\",\"file\":{\"driver\":\"file\",\"filename\":\"@/a.raw\"}}\n"
        "device_del {\"id\":\"mo\"}\n"
        "object-add {\"qom-type\":\"memory-backend-ram\",\"id\":\"m9\",\"size\":16777216}\n"
        "device_add {\"driver\":\"virtio-pmem-pci\",\"id\":\"pm9\",\"memdev\":\"m9\",\"bus\":\"rp1\"}\n"
        "device_add {\"driver\":\"virtio-rng-pci\",\"bus\":\"rp0\"}");
    expect_blocks(guest, "chardev-added");
    expect_blocks(guest, "object-added");
    expect_blocks(guest, "medium-changed");
    expect_blocks(guest, "device-unplugged"); /* the tablet's port cannot be read without an id */
    expect_blocks(guest, "memory-plugged");
    carry_expect_refusal(guest, "memory-plugged");
    harness_engine_finish(engine);
}

#define NETDEV_ADD "netdev_add {\"id\":\"x\",\"type\":"

static void
test_back_ends_that_cannot_be_told_are_refused(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = "-netdev user,id=n0 -netdev user,id=n1 -netdev user,id=n2"};
    static const char *const added[] = {NETDEV_ADD "\"hubport\",\"hubid\":0}",
                                        NETDEV_ADD "\"stream\",\"server\":true,\"addr\":{\"type\":\"unix\",\"path\":\"@/n.sock\"}}",
                                        NETDEV_ADD "\"user\",\"net\":\"10.3.0.0/16\"}"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_SECOND, &spec);
    for (gsize i = 0; i < G_N_ELEMENTS(added); i++) {
        operator_say(guest, added[i]);
        carry_expect_refusal(guest, "netdev-added");
        operator_say(guest, "netdev_del {\"id\":\"x\"}");
    }
    /* The last one leaves the others their numbers. */
    operator_say(guest, "netdev_del {\"id\":\"n2\"}");
    harness_guest_upgrade(guest, BUILD_SECOND);
    /* When this one was removed is not to be seen, and so neither which number the next one has. */
    operator_say(guest, "netdev_del {\"id\":\"n1\"}\nnetdev_add {\"type\":\"user\",\"id\":\"n9\"}");
    carry_expect_refusal(guest, "netdev-removed");
    harness_engine_finish(engine);
}

#define TEST(f) {.name = &#f[sizeof("test_") - 1], .test_func = f, .teardown_func = harness_teardown}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_limits_are_those_of_now),
        TEST(test_media_are_those_of_now),   TEST(test_media_of_short_options_too),
        TEST(test_plugged_devices_go_along), TEST(test_unplugged_devices_stay_out),
        TEST(test_plugged_back_ends_go_along), TEST(test_plugged_disk_goes_on),
        TEST(test_what_cannot_be_told_is_refused), TEST(test_back_ends_that_cannot_be_told_are_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
