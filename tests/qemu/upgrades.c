/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Upgrades that must work: one row a test. The guest starts in the first build of its path and goes through the
 * others in turn; after each step the result, the engine and the guest are looked at, at the end its disk as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

typedef struct {
    const char *name;
    const char *path; /* "i": the installed build, "s": the second */
    HarnessSpec spec;
} Row;

#define VIRTIO_DISK "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0"
#define Q35 "pc-q35-7.2"
#define PC "pc-i440fx-7.2"

/* clang-format off */
static const Row rows[] = {
    /* Between the builds. The machine is one that both have. */
    {"installed-to-second", "is", {.kernel = "cloud", .machine = Q35, .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"second-to-second", "sss", {.kernel = "cloud", .machine = Q35, .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"second-to-installed", "si", {.kernel = "cloud", .machine = Q35, .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"installed-to-installed", "iii", {.kernel = "cloud", .machine = Q35, .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"ten-in-a-row", "isisisisisi", {.kernel = "cloud", .machine = Q35, .vcpus = 2, .ram_mib = 256,
        .arguments = VIRTIO_DISK " -netdev user,id=net0 -device virtio-net-pci,netdev=net0",
        .append = "moult.disk=/dev/vda moult.ip=10.0.2.15/24"}},

    /* Machines */
    {"newest-machine-of-second", "sss", {.kernel = "cloud", .machine = "q35", .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"alias-q35", "is", {.kernel = "cloud", .machine = "q35", .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"alias-pc", "is", {.kernel = "cloud", .machine = "pc", .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"machine-not-named", "is", {.kernel = "cloud", .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"machine-with-settings", "isi", {.kernel = "cloud", .machine = Q35 ",smm=off,hpet=off,vmport=off", .ram_mib = 256,
        .arguments = VIRTIO_DISK, .append = "moult.disk=/dev/vda"}},
    {"pc-with-ide", "isi", {.kernel = "cloud", .machine = PC, .ram_mib = 256,
        .arguments = "-drive if=ide,format=raw,file=@disk0.raw@", .append = "moult.disk=/dev/sda"}},

    /* Processors */
    {"one-vcpu", "isi", {.kernel = "cloud", .machine = Q35, .vcpus = 1, .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"two-vcpus", "isi", {.kernel = "cloud", .machine = PC, .vcpus = 2, .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda"}},
    {"four-vcpus", "isi", {.kernel = "cloud", .machine = Q35, .vcpus = 4, .ram_mib = 256, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda moult.load=10"}},
    {"named-cpu-model", "isi", {.kernel = "cloud", .machine = Q35, .vcpus = 2, .ram_mib = 256,
        .arguments = VIRTIO_DISK " -cpu Nehalem", .append = "moult.disk=/dev/vda"}},

    /* Memory */
    {"memory-1-gib", "isi", {.kernel = "cloud", .machine = Q35, .ram_mib = 1024, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda moult.mem=64"}},
    {"memory-3-gib-on-pc", "isi", {.kernel = "cloud", .machine = PC, .ram_mib = 3072, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda moult.mem=64"}},
    {"memory-8-gib", "isi", {.kernel = "cloud", .machine = Q35, .vcpus = 2, .ram_mib = 8192, .arguments = VIRTIO_DISK,
        .append = "moult.disk=/dev/vda moult.mem=64"}},
    {"backend-ram", "isi", {.kernel = "cloud", .machine = Q35 ",memory-backend=m0", .ram_mib = 256,
        .arguments = VIRTIO_DISK " -object memory-backend-ram,id=m0,size=256M", .append = "moult.disk=/dev/vda"}},
    {"backend-memfd", "isi", {.kernel = "cloud", .machine = Q35 ",memory-backend=m0", .ram_mib = 256,
        .arguments = VIRTIO_DISK " -object memory-backend-memfd,id=m0,size=256M,share=on",
        .append = "moult.disk=/dev/vda"}},
    {"backend-file-of-operator", "isi", {.kernel = "cloud", .machine = Q35 ",memory-backend=m0", .ram_mib = 256,
        .arguments = VIRTIO_DISK " -object memory-backend-file,id=m0,size=256M,share=on,mem-path=@folder@/ram",
        .append = "moult.disk=/dev/vda"}},
    {"numa-two-nodes", "isi", {.kernel = "cloud", .machine = Q35, .vcpus = 2, .ram_mib = 512,
        .arguments = VIRTIO_DISK " -object memory-backend-ram,id=m0,size=384M -object memory-backend-memfd,id=m1,size=128M "
                     "-numa node,nodeid=0,cpus=0,memdev=m0 -numa node,nodeid=1,cpus=1,memdev=m1",
        .append = "moult.disk=/dev/vda"}},
    {"numa-four-nodes", "isi", {.kernel = "cloud", .machine = PC, .vcpus = 4, .ram_mib = 512,
        .arguments = VIRTIO_DISK " -object memory-backend-ram,id=a,size=128M -object memory-backend-ram,id=b,size=128M "
                     "-object memory-backend-file,id=c,size=128M,share=on,mem-path=@folder@/c -object memory-backend-memfd,id=d,size=128M "
                     "-numa node,memdev=a -numa node,memdev=b -numa node,memdev=c -numa node,memdev=d",
        .append = "moult.disk=/dev/vda moult.load=10"}},

    /* Devices */
    {"virtio-all", "isi", {.kernel = "cloud", .machine = Q35, .vcpus = 2, .ram_mib = 256,
        .arguments = VIRTIO_DISK " -netdev user,id=net0 -device virtio-net-pci,netdev=net0 -device virtio-rng-pci "
                     "-device virtio-balloon-pci -device virtio-serial-pci -chardev null,id=port0 "
                     "-device virtserialport,chardev=port0 -device virtio-scsi-pci "
                     "-drive if=none,id=disk1,format=raw,file=@disk1.raw@ -device scsi-hd,drive=disk1",
        .append = "moult.disk=/dev/vda,/dev/sda moult.ip=10.0.2.15/24"}},
    {"virtio-scsi-and-qcow2", "isi", {.kernel = "cloud", .machine = Q35, .ram_mib = 256,
        .arguments = "-device virtio-scsi-pci -drive if=none,id=disk0,format=qcow2,file=@disk0.qcow2@ "
                     "-device scsi-hd,drive=disk0",
        .append = "moult.disk=/dev/sda"}},
    {"qcow2-without-cache", "isi", {.kernel = "cloud", .machine = Q35, .ram_mib = 256,
        .arguments = "-drive if=none,id=disk0,format=qcow2,file=@disk0.qcow2@,cache=none,aio=threads "
                     "-device virtio-blk-pci,drive=disk0",
        .append = "moult.disk=/dev/vda"}},
    {"blockdev-graph", "isi", {.kernel = "cloud", .machine = Q35, .ram_mib = 256,
        .arguments = "-blockdev driver=file,node-name=f0,filename=@disk0.raw@ -blockdev driver=raw,node-name=r0,file=f0 "
                     "-device virtio-blk-pci,drive=r0,id=vd0 "
                     "-blockdev {\"driver\":\"qcow2\",\"node-name\":\"q0\",\"file\":{\"driver\":\"file\",\"filename\":\"@disk1.qcow2@\"}} "
                     "-device {\"driver\":\"virtio-blk-pci\",\"drive\":\"q0\",\"id\":\"vd1\"}",
        .append = "moult.disk=/dev/vda,/dev/vdb"}},
    {"iothread", "isi", {.kernel = "cloud", .machine = Q35, .vcpus = 2, .ram_mib = 256,
        .arguments = "-object iothread,id=io0 -drive if=none,id=disk0,format=raw,file=@disk0.raw@ "
                     "-device virtio-blk-pci,drive=disk0,iothread=io0",
        .append = "moult.disk=/dev/vda"}},
    {"pci-bridges", "isi", {.kernel = "cloud", .machine = Q35, .ram_mib = 256,
        .arguments = "-device pcie-root-port,id=rp0,chassis=1 -device pcie-root-port,id=rp1,chassis=2 "
                     "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,bus=rp0,drive=disk0 "
                     "-netdev user,id=net0 -device virtio-net-pci,bus=rp1,netdev=net0",
        .append = "moult.disk=/dev/vda moult.ip=10.0.2.15/24"}},
    {"e1000-ahci-usb-tablet", "isi", {.kernel = "full", .machine = Q35, .ram_mib = 512,
        .arguments = "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device ide-hd,drive=disk0 "
                     "-netdev user,id=net0 -device e1000,netdev=net0 -device qemu-xhci -device usb-tablet",
        .append = "moult.disk=/dev/sda moult.ip=10.0.2.15/24"}},
    {"std-vga-and-defaults-q35", "isi", {.kernel = "full", .machine = Q35, .ram_mib = 512, .has_defaults = true,
        .arguments = "-drive if=virtio,format=raw,file=@disk0.raw@ -vga std -device usb-ehci -device usb-tablet",
        .append = "moult.disk=/dev/vda moult.ip=10.0.2.15/24"}},
    {"std-vga-and-defaults-pc", "isi", {.kernel = "full", .machine = PC, .ram_mib = 512, .has_defaults = true,
        .arguments = "-drive if=virtio,format=raw,file=@disk0.raw@ -vga std",
        .append = "moult.disk=/dev/vda moult.ip=10.0.2.15/24"}},
    {"no-vga", "isi", {.kernel = "cloud", .machine = PC, .ram_mib = 256,
        .arguments = VIRTIO_DISK " -vga none", .append = "moult.disk=/dev/vda"}},
};
/* clang-format on */

static HarnessBuild
build_of(char letter)
{
    return letter == 's' ? BUILD_SECOND : BUILD_INSTALLED;
}

/* What an upgrade does, a check has said. */
static void
expect_to_pass(HarnessGuest *guest, HarnessBuild build)
{
    g_autoptr(HarnessReply) check = moult(guest->engine, "check", guest->name, "--to", harness_build(build), NULL);

    assert_status(check, EXIT_DONE);
}

static void
test_row(void **state)
{
    const Row *row = *state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", build_of(row->path[0]), &row->spec);

    for (const char *step = row->path + 1; *step; step++) {
        expect_to_pass(guest, build_of(*step));
        print_message("%c -> %c: %.1f ms\n", step[-1], step[0], harness_guest_upgrade(guest, build_of(*step)));
    }
    if (guest->seen.net_up)
        harness_guest_check_network(guest);
    if (guest->disk)
        harness_guest_check_disk(guest);
    assert_int_equal(guest->seen.vcpus, MAX(row->spec.vcpus, 1));
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    struct CMUnitTest tests[G_N_ELEMENTS(rows)] = {0};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = test_row,
                                       .teardown_func = harness_teardown,
                                       .initial_state = (void *)&rows[i]};
    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
