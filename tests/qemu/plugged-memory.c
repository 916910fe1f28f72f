/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that was plugged into a running guest, and memory that is bound to nodes of the host: both go along, with what is in
 * it, into the other build, back after a rollback, and into the next one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness-private.h"
#include "operator.h"

static HarnessEngine *engine;

/* A place in the guest's memory, by its physical address, as a place in its QEMU's. */
static off_t
find_host_address(HarnessGuest *guest, guint64 address)
{
    g_autofree char *arguments =
        g_strdup_printf("{\"command-line\":\"gpa2hva 0x%" G_GINT64_MODIFIER "x\"}", address);
    g_autofree char *text = operator_hear(guest, "human-monitor-command", arguments);
    const char *is = strstr(text, " is 0x");

    if (!is)
        fail_msg("no memory at 0x%" G_GINT64_MODIFIER "x: %s", address, text);
    return (off_t)g_ascii_strtoull(is + strlen(" is "), NULL, 16);
}

static int
open_memory(const HarnessGuest *guest)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/mem", guest->pid);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* What is at ADDRESS is its own address, turned around. */
static void
poke(HarnessGuest *guest, guint64 address)
{
    int fd = open_memory(guest);
    guint64 word = ~address;

    assert_true(pwrite(fd, &word, sizeof word, find_host_address(guest, address)) == sizeof word);
    close(fd);
}

static void
expect_poked(HarnessGuest *guest, guint64 address)
{
    int fd = open_memory(guest);
    guint64 word = 0;

    assert_true(pread(fd, &word, sizeof word, find_host_address(guest, address)) == sizeof word);
    close(fd);
    if (word != ~address)
        fail_msg("at 0x%" G_GINT64_MODIFIER "x is 0x%" G_GINT64_MODIFIER "x", address, word);
}

/* What is plugged begins behind the first 4 GiB. */
#define FIRST_PLUGGED (G_GUINT64_CONSTANT(4) << 30)
#define MIB(n) ((guint64)(n) << 20)

/* A container may forbid it, and QEMU would not start. */
static void
need_policies(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long first_node = 1;

    assert_true(page != MAP_FAILED);
    bool can_bind = syscall(SYS_mbind, page, 4096UL, MPOL_BIND, &first_node, 8 * sizeof first_node, 0U) == 0;
    munmap(page, 4096);
    if (!can_bind)
        harness_skip("memory cannot be bound to a node");
}

/* The kernel's word for how the mapping of FILE, a part of its name, is placed. */
static void
expect_policy(const HarnessGuest *guest, const char *file, const char *policy)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/numa_maps", guest->pid), *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (!strstr(*line, file))
            continue;
        if (!strstr(*line, policy))
            fail_msg("%s is not %s: %s", file, policy, *line);
        return;
    }
    fail_msg("%s is not mapped", file);
}

/* All pages of the memfd called FILE are there, touched by the guest or not. */
static void
expect_allocated(const HarnessGuest *guest, const char *file, off_t size_bytes)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", guest->pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL), *target = g_file_read_link(path, NULL);
        struct stat status;
        if (!target || !strstr(target, file))
            continue;
        assert_true(stat(path, &status) == 0 && (off_t)status.st_blocks * 512 >= size_bytes);
        return;
    }
    fail_msg("%s is not open", file);
}

static void
look_at_memory(HarnessGuest *guest)
{
    expect_policy(guest, "memfd:moult-g-n0", " bind:0 ");
    expect_policy(guest, "memfd:moult-g-n1", " interleave:0 ");
    expect_policy(guest, "/m9.ram", " bind:0 ");
    expect_allocated(guest, "memfd:moult-g-n1", 8 << 20);
    operator_expect(guest, "query-memory-devices", NULL, "\"memdev\":\"/objects/m9\"", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"addr\":4362076160", true); /* of the second, as it was told */
    operator_expect(guest, "query-memory-devices", NULL, "\"slot\":3", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"node\":1", true);
    operator_expect(guest, "query-memdev", NULL, "\"id\":\"spare\"", false);
    expect_poked(guest, FIRST_PLUGGED);
    expect_poked(guest, FIRST_PLUGGED + MIB(64) - 8);
    expect_poked(guest, FIRST_PLUGGED + MIB(64));
    expect_poked(guest, FIRST_PLUGGED + MIB(96) - 8);
}

static void
poke_plugged(HarnessGuest *guest)
{
    poke(guest, FIRST_PLUGGED);
    poke(guest, FIRST_PLUGGED + MIB(64) - 8);
    poke(guest, FIRST_PLUGGED + MIB(64));
    poke(guest, FIRST_PLUGGED + MIB(96) - 8);
}

#define NODES "-smp 2 -numa node,cpus=0,memdev=n0 -numa node,cpus=1,memdev=n1 "

/* An upgrade that fails when the state is loaded. */
static void
roll_back(HarnessGuest *guest, OperatorLook look)
{
    const char *broken =
        harness_script(engine, "refuses-state", "case \"$*\" in *q35-7.2*) set -- \"$@\" -machine hpet=off;; esac\nexec %s \"$@\"\n",
                       harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) failed = moult(engine, "upgrade", guest->name, "--to", broken, "--json", NULL);

    assert_outcome(failed, EXIT_FAILED, "rolled-back", "migration-failed", "hpet");
    harness_guest_check_untouched(guest);
    look(guest);
}

/* A file of the operator's, and a memfd, which a QEMU before 8.1 leaves out of a migration. */
static void
test_memory_stays_where_it_is(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = "-m 16M,slots=4,maxmem=1G " NODES
                                                  "-object memory-backend-ram,id=n0,size=8M,policy=bind,host-nodes=0 "
                                                  "-object memory-backend-ram,id=n1,size=8M,policy=interleave,host-nodes=0,prealloc=on "
                                                  "-object memory-backend-ram,id=spare,size=8M"};

    need_policies();
    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest,
        "object-del {\"id\":\"spare\"}\n"
        "object-add {\"qom-type\":\"memory-backend-file\",\"id\":\"m9\",\"size\":67108864,\"share\":true,\"mem-path\":\"@/m9.ram\","
        "\"policy\":\"bind\",\"host-nodes\":[0]}\n"
        "object-add {\"qom-type\":\"memory-backend-memfd\",\"id\":\"m8\",\"size\":33554432,\"share\":true}\n"
        "device_add {\"driver\":\"pc-dimm\",\"id\":\"z9\",\"memdev\":\"m9\",\"node\":1}\n"
        "device_add {\"driver\":\"pc-dimm\",\"id\":\"d8\",\"memdev\":\"m8\",\"slot\":3}");
    poke_plugged(guest);
    operator_expect_row(guest, "OK     memory-plugged");
    operator_expect_row(guest, "OK     memory-unplugged");
    operator_expect_row(guest, "OK     ram-shared");
    roll_back(guest, look_at_memory);
    operator_move_around(guest, look_at_memory);
    harness_engine_finish(engine);
}

#define LABELS MIB(1)

/* What the guest keeps its labels in is behind its own part of the memory, and no place of the guest's. */
static void
look_at_nonvolatile_memory(HarnessGuest *guest)
{
    operator_expect(guest, "query-memory-devices", NULL, "\"type\":\"nvdimm\"", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"memdev\":\"/objects/m9\"", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"memdev\":\"/objects/m8\"", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"slot\":2", true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/nv9\",\"property\":\"label-size\"}", "1048576", true);
    operator_expect(guest, "qom-get", "{\"path\":\"/machine/peripheral/nv8\",\"property\":\"unarmed\"}", "true", true);
    expect_poked(guest, FIRST_PLUGGED);
    expect_poked(guest, FIRST_PLUGGED + MIB(64) - LABELS - 8);
    expect_poked(guest, FIRST_PLUGGED + MIB(128));
}

/* One of the command line, with a file of the operator's, and two that were plugged. */
static void
test_nonvolatile_memory_goes_along(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2,nvdimm=on",
                                     .ram_mib = 16,
                                     .arguments = "-m 16M,slots=4,maxmem=1G "
                                                  "-object memory-backend-file,id=m7,size=32M,share=on,mem-path=@folder@/m7.ram "
                                                  "-device nvdimm,id=nv7,memdev=m7,label-size=128K,addr=0x110000000"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest,
        "object-add {\"qom-type\":\"memory-backend-file\",\"id\":\"m9\",\"size\":67108864,\"share\":true,\"mem-path\":\"@/m9.ram\"}\n"
        "object-add {\"qom-type\":\"memory-backend-file\",\"id\":\"m8\",\"size\":33554432,\"share\":true,\"mem-path\":\"@/m8.ram\"}\n"
        "device_add {\"driver\":\"nvdimm\",\"id\":\"nv9\",\"memdev\":\"m9\",\"addr\":4294967296,\"label-size\":1048576,\"slot\":2}\n"
        "device_add {\"driver\":\"nvdimm\",\"id\":\"nv8\",\"memdev\":\"m8\",\"addr\":4429185024,\"unarmed\":true}");
    poke(guest, FIRST_PLUGGED);
    poke(guest, FIRST_PLUGGED + MIB(64) - LABELS - 8);
    poke(guest, FIRST_PLUGGED + MIB(128));
    look_at_nonvolatile_memory(guest);
    operator_expect_row(guest, "OK     memory-plugged");
    operator_expect_row(guest, "OK     ram-shared");
    roll_back(guest, look_at_nonvolatile_memory);
    operator_move_around(guest, look_at_nonvolatile_memory);
    harness_engine_finish(engine);
}

static void
upgrade_by_copy(HarnessGuest *guest, HarnessBuild build)
{
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", guest->name, "--to", harness_build(build), "--json", NULL);
    uint64_t nonce = guest->seen.nonce;

    assert_status(reply, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(reply_result(reply), "method"), "copy");
    harness_guest_await(guest);
    assert_true(guest->seen.nonce == nonce);
}

/* What is looked at below: SIZE_BYTES of it, at PLACE, more of the device's properties, and what is in it. */
static void
plug_private_memory(HarnessGuest *guest, const char *driver, guint64 size_bytes, const char *place)
{
    g_autofree char *commands = g_strdup_printf(
        "object-add {\"qom-type\":\"memory-backend-ram\",\"id\":\"m9\",\"size\":%" G_GUINT64_FORMAT "}\n"
        "device_add {\"driver\":\"%s\",\"id\":\"d9\",\"memdev\":\"m9\",%s}",
        size_bytes, driver, place);

    operator_say(guest, commands);
    poke(guest, FIRST_PLUGGED + MIB(32));
    poke(guest, FIRST_PLUGGED + MIB(64) - 8);
}

static void
look_at_copied_memory(HarnessGuest *guest)
{
    operator_expect(guest, "query-memory-devices", NULL, "\"memdev\":\"/objects/m9\"", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"slot\":1", true);
    expect_poked(guest, FIRST_PLUGGED + MIB(32));
    expect_poked(guest, FIRST_PLUGGED + MIB(64) - 8);
}

/* Private, as all of the guest's memory is: it goes along in the one copy, and is shared from then on. */
static void
test_private_memory_is_copied_once(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {
        .machine = "pc-q35-7.2,memory-backend=m0",
        .ram_mib = 64,
        .arguments = "-m 64M,slots=2,maxmem=1G -object memory-backend-file,id=m0,size=64M,share=off,mem-path=@folder@/m0.ram"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    plug_private_memory(guest, "pc-dimm", MIB(32), "\"slot\":1,\"addr\":4328521728");
    operator_expect_row(guest, "OK     memory-plugged");
    const char *elsewhere = harness_script(engine, "elsewhere",
                                           "for a do shift; set -- \"$@\" \"$(printf %%s \"$a\" | sed s/4328521728/4362076160/)\"; "
                                           "done\nexec %s \"$@\"\n",
                                           harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) failed = moult(engine, "upgrade", guest->name, "--to", elsewhere, "--json", NULL);
    assert_outcome(failed, EXIT_FAILED, "rolled-back", "ram-differs", "/objects/m9");
    roll_back(guest, look_at_copied_memory);
    upgrade_by_copy(guest, BUILD_SECOND);
    look_at_copied_memory(guest);
    operator_expect_row(guest, "OK     ram-shared");
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    look_at_copied_memory(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    look_at_copied_memory(guest);
    harness_engine_finish(engine);
}

/* Its labels too. */
static void
test_private_nonvolatile_memory_is_copied(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {
        .machine = "pc-q35-7.2,nvdimm=on", .ram_mib = 16, .arguments = "-m 16M,slots=2,maxmem=1G"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_SECOND, &spec);
    plug_private_memory(guest, "nvdimm", MIB(66), "\"slot\":1,\"label-size\":131072");
    upgrade_by_copy(guest, BUILD_SECOND);
    look_at_copied_memory(guest);
    operator_expect_row(guest, "OK     ram-shared");
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    look_at_copied_memory(guest);
    harness_engine_finish(engine);
}

/* The rest is shared: with a part that must be copied, all is, but for the time of one upgrade. */
static void
test_private_part_takes_the_rest_along(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {
        .machine = "pc-q35-7.2", .ram_mib = 16, .arguments = "-m 16M,slots=2,maxmem=1G"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_SECOND, &spec);
    plug_private_memory(guest, "pc-dimm", MIB(64), "\"slot\":1");
    operator_expect_row(guest, "WARN   copy-stops-guest"); /* which QEMU would not survive */
    roll_back(guest, look_at_copied_memory);
    upgrade_by_copy(guest, BUILD_SECOND);
    look_at_copied_memory(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    look_at_copied_memory(guest);
    harness_engine_finish(engine);
}

static void
look_at_virtio_memory(HarnessGuest *guest)
{
    operator_expect(guest, "query-memory-devices", NULL, "\"requested-size\":67108864", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"requested-size\":33554432", true);
    operator_expect(guest, "query-memory-devices", NULL, "\"memaddr\":4697620480", true);
    expect_poked(guest, FIRST_PLUGGED);
    expect_poked(guest, FIRST_PLUGGED + MIB(384));
}

/* What the guest is given of it may change at any time; and a QEMU that starts must not empty it. */
static void
test_virtio_mem_goes_along(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = "-device pcie-root-port,id=rp0,chassis=1 -m 16M,maxmem=2G -object memory-backend-ram,id=v0,size=128M,reserve=off "
                                                        "-device virtio-mem-pci,id=vm0,memdev=v0"};

    engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    operator_say(guest,
        "qom-set {\"path\":\"/machine/peripheral/vm0\",\"property\":\"requested-size\",\"value\":67108864}\n"
        "object-add {\"qom-type\":\"memory-backend-file\",\"id\":\"m9\",\"size\":134217728,\"share\":true,\"mem-path\":\"@/m9.ram\",\"reserve\":false}\n"
        "device_add {\"driver\":\"virtio-mem-pci\",\"id\":\"vm9\",\"memdev\":\"m9\",\"bus\":\"rp0\",\"memaddr\":4697620480,\"requested-size\":0}\n"
        "qom-set {\"path\":\"/machine/peripheral/vm9\",\"property\":\"requested-size\",\"value\":33554432}");
    poke(guest, FIRST_PLUGGED);
    poke(guest, FIRST_PLUGGED + MIB(384));
    look_at_virtio_memory(guest);
    roll_back(guest, look_at_virtio_memory);
    harness_guest_upgrade(guest, BUILD_SECOND);
    look_at_virtio_memory(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    look_at_virtio_memory(guest);
    harness_engine_finish(engine);
}

#define TEST(f) {.name = &#f[sizeof("test_") - 1], .test_func = f, .teardown_func = harness_teardown}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_memory_stays_where_it_is),
        TEST(test_private_memory_is_copied_once),
        TEST(test_private_part_takes_the_rest_along),
        TEST(test_virtio_mem_goes_along),
        TEST(test_nonvolatile_memory_goes_along),
        TEST(test_private_nonvolatile_memory_is_copied),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
