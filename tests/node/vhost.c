/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TAP devices whose packets the kernel moves (vhost=on), through upgrades and rollbacks. Needs the module vhost_net.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "carry.h"
#include "harness-private.h"
#include "network.h"
#include "stream.h"
#include "traffic.h"

#define VHOST_NET "/dev/vhost-net"
#define VHOST_VSOCK "/dev/vhost-vsock"
#define TAP0 "tap,id=net0,ifname=tap0,script=no,downscript=no,vhost=on"
#define TWO_QUEUES "virtio-net-pci,mq=on,vectors=6"
/* A guest that is emulated in an emulated machine. */
#define SLOW_PERIOD_MS 200
#define SLOW_LOAD "moult.mem=1 moult.load=1 moult.tick_ns=5000000 moult.disk=/dev/vda moult.disk_mib=1 moult.disk_pause_ms=500"
#define SHARED_AND_MONITORED(mib)                                                                                      \
    " -object memory-backend-file,id=mem0,size=" mib "M,mem-path=@folder@/ram,share=on -machine memory-backend=mem0 "   \
    "-qmp unix:@folder@/qmp.sock,server=on,wait=off"

static void
enter(int flags)
{
    if (access(VHOST_NET, F_OK) < 0)
        harness_skip("there is no " VHOST_NET);
    stream_period_ms = SLOW_PERIOD_MS;
    network_enter();
    network_make_tap("tap0", flags);
    network_set_address("tap0", NETWORK_HOST);
    network_bring_up("tap0");
}

static HarnessSpec *
slow_spec(const char *netdev, const char *device)
{
    HarnessSpec *spec = carry_spec("-netdev %s -device %s,netdev=net0", netdev, device);

    spec->vcpus = 1;
    spec->ram_mib = 128;
    spec->append = SLOW_LOAD " moult.ip=" NETWORK_GUEST "/24";
    return spec;
}

static unsigned
count_vhost(pid_t pid)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    unsigned count = 0;

    assert_non_null(dir);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL), *target = g_file_read_link(path, NULL);
        count += g_strcmp0(target, VHOST_NET) == 0;
    }
    return count;
}

/* How often the kernel's threads that work for PID (drivers/vhost/vhost.c: "vhost-PID") were given a processor. */
static guint64
count_kernel_turns(pid_t pid)
{
    g_autofree char *wanted = g_strdup_printf("vhost-%d\n", pid);
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    guint64 turns = 0;

    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *comm = g_build_filename("/proc", name, "comm", NULL), *text = NULL, *statistics = NULL;
        g_autofree char *schedstat = g_build_filename("/proc", name, "schedstat", NULL);
        unsigned long long here = 0;
        if (!g_ascii_isdigit(*name) || !g_file_get_contents(comm, &text, NULL, NULL) || !g_str_equal(text, wanted) ||
            !g_file_get_contents(schedstat, &statistics, NULL, NULL))
            continue;
        assert_int_equal(sscanf(statistics, "%*u %*u %llu", &here), 1);
        turns += here;
    }
    return turns;
}

/* It is the kernel that moves GUEST's packets. */
static void
check_kernel_works(Traffic *traffic, HarnessGuest *guest, unsigned n_queues)
{
    guint64 before = count_kernel_turns(guest->pid);

    assert_int_equal(count_vhost(guest->pid), n_queues);
    traffic_start(traffic);
    assert_true(traffic_check(traffic, "undisturbed"));
    assert_true(count_kernel_turns(guest->pid) > before);
}

static void
check_network(const HarnessSpec *spec, unsigned n_queues)
{
    unsigned n_streams = n_queues > 1 ? TRAFFIC_STREAMS_MAX : 1;

    enter(n_queues > 1 ? IFF_MULTI_QUEUE : 0);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, spec);
    Traffic *traffic = traffic_new(guest, n_streams);
    unsigned n_used = network_count_queues("tap0");

    network_keep_neighbour("tap0");
    check_kernel_works(traffic, guest, n_queues);
    carry_expect_rows(guest, n_queues > 1 ? "OK net-vhost,OK net-tap-queues" : "OK net-vhost");
    traffic_through_everything(traffic, n_queues > 1 ? TRAFFIC_ROUNDS_QUEUES : 1);
    check_kernel_works(traffic, guest, n_queues);
    assert_int_equal(network_count_queues("tap0"), n_used);
    if (n_queues > 1)
        assert_true(network_is_spread("tap0"));
    traffic_free(traffic);
    harness_engine_finish(engine);
}

static void
network_is_not_disturbed(void **state)
{
    (void)state;
    check_network(slow_spec(TAP0, "virtio-net-pci"), 1);
}

static void
network_is_not_disturbed_on_two_queues(void **state)
{
    (void)state;
    HarnessSpec *spec = slow_spec(TAP0 ",queues=2", TWO_QUEUES);

    spec->vcpus = 2;
    check_network(spec, 2);
}

static void
network_is_not_disturbed_on_one_of_two_queues(void **state)
{
    (void)state;
    check_network(slow_spec(TAP0 ",queues=2", TWO_QUEUES), 2);
}

/* Each has a descriptor of its own, whether the guest uses it or not. */
static void
two_queues_go_along(void **state)
{
    (void)state;
    enter(IFF_MULTI_QUEUE);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-netdev " TAP0 ",queues=2 -device " TWO_QUEUES ",netdev=net0"));

    carry_expect_rows(guest, "OK net-vhost,OK net-tap-queues");
    for (unsigned i = 0; i < 2; i++) {
        harness_guest_upgrade(guest, BUILD_SECOND);
        assert_int_equal(count_vhost(guest->pid), 2);
        harness_guest_upgrade(guest, BUILD_INSTALLED);
        assert_int_equal(count_vhost(guest->pid), 2);
    }
    assert_int_equal(network_count_queues("tap0"), 1);
    harness_engine_finish(engine);
}

static void
expect_vhost_at(const HarnessGuest *guest, unsigned number)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd/%u", guest->pid, number), *target = g_file_read_link(path, NULL);

    assert_string_equal(target, VHOST_NET);
}

/* As libvirt does: the definition goes on to name both, by their numbers. */
static void
descriptors_keep_their_numbers(void **state)
{
    (void)state;
    enter(0);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(
        engine, "guest",
        carry_spec_tiny("-netdev tap,id=net0,fd=10,vhost=on,vhostfd=11 -device virtio-net-pci,netdev=net0" SHARED_AND_MONITORED("16")));
    int fds[] = {network_open_tap("tap0", IFF_VNET_HDR), open(VHOST_NET, O_RDWR | O_CLOEXEC)};

    carry_adopt(guest, carry_start_with(guest, BUILD_INSTALLED, fds, G_N_ELEMENTS(fds)));
    carry_expect_rows(guest, "OK fd-handed,OK net-vhost");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_vhost_at(guest, 11);
    assert_int_equal(count_vhost(guest->pid), 1);
    harness_engine_finish(engine);
}

static void
descriptors_of_two_queues_keep_their_numbers(void **state)
{
    (void)state;
    enter(IFF_MULTI_QUEUE);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(engine, "guest",
                                            carry_spec_tiny("-netdev tap,id=net0,fds=10:11,vhost=on,vhostfds=12:13 -device " TWO_QUEUES
                                                            ",netdev=net0" SHARED_AND_MONITORED("16")));
    int fds[] = {network_open_tap("tap0", IFF_VNET_HDR | IFF_MULTI_QUEUE), network_open_tap("tap0", IFF_VNET_HDR | IFF_MULTI_QUEUE),
                 open(VHOST_NET, O_RDWR | O_CLOEXEC), open(VHOST_NET, O_RDWR | O_CLOEXEC)};

    carry_adopt(guest, carry_start_with(guest, BUILD_INSTALLED, fds, G_N_ELEMENTS(fds)));
    carry_expect_rows(guest, "OK fd-handed,OK net-tap-queues,OK net-vhost");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_vhost_at(guest, 12);
    expect_vhost_at(guest, 13);
    assert_int_equal(count_vhost(guest->pid), 2);
    harness_engine_finish(engine);
}

static void
device_that_was_plugged_goes_along(void **state)
{
    (void)state;
    enter(0);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-device pcie-root-port,id=rp0,chassis=1"));

    harness_guest_qmp_with(guest, "netdev_add",
                           "{\"type\":\"tap\",\"id\":\"n9\",\"ifname\":\"tap0\",\"script\":\"no\",\"downscript\":\"no\",\"vhost\":true}");
    harness_guest_qmp_with(guest, "device_add",
                           "{\"driver\":\"virtio-net-pci\",\"id\":\"nic9\",\"bus\":\"rp0\",\"netdev\":\"n9\"}");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_int_equal(count_vhost(guest->pid), 1);
    harness_engine_finish(engine);
}

/* Which of the two has it is not to be told from outside. */
static void
plugged_device_beside_another_without_is_refused(void **state)
{
    (void)state;
    enter(0);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-netdev " TAP0 " -device e1000,netdev=net0"));

    network_make_tap("tap9", 0);
    harness_guest_qmp_with(guest, "netdev_add",
                           "{\"type\":\"tap\",\"id\":\"n9\",\"ifname\":\"tap9\",\"script\":\"no\",\"downscript\":\"no\"}");
    carry_expect_refusal(guest, "netdev-added");
    harness_engine_finish(engine);
}

/* The file is there, and nobody may open it: in a mount that allows no devices. */
static void
device_that_cannot_be_opened_is_found_before(void **state)
{
    (void)state;
    enter(0);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-netdev " TAP0 " -device virtio-net-pci,netdev=net0"));

    assert_int_equal(mount(VHOST_NET, VHOST_NET, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, VHOST_NET, NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL), 0);
    carry_expect_refusal(guest, "net-vhost");
    assert_int_equal(umount(VHOST_NET), 0);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/*
 * What the kernel writes into the memory of a guest that runs meanwhile is copied, too. Behind it the memory is shared, and the network
 * goes on as ever.
 */
static void
check_copied(HarnessBuild from)
{
    HarnessSpec *spec = slow_spec(TAP0 " -object memory-backend-file,id=m0,size=128M,share=off,mem-path=@folder@/ram", "virtio-net-pci");

    spec->machine = "pc-q35-7.2,memory-backend=m0";
    enter(0);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", from, spec);
    Traffic *traffic = traffic_new(guest, 1);

    network_keep_neighbour("tap0");
    carry_expect_rows(guest, "OK net-vhost");
    check_kernel_works(traffic, guest, 1);
    traffic_start(traffic);
    harness_guest_copy(guest, BUILD_SECOND);
    assert_true(traffic_check(traffic, "copied"));
    check_kernel_works(traffic, guest, 1);
    harness_guest_upgrade(guest, BUILD_INSTALLED); /* which wants method shared */
    check_kernel_works(traffic, guest, 1);
    harness_guest_check_disk(guest);
    traffic_free(traffic);
    harness_engine_finish(engine);
}

static void
private_memory_is_copied(void **state)
{
    (void)state;
    check_copied(BUILD_INSTALLED);
}

static void
private_memory_is_copied_while_the_guest_runs(void **state)
{
    (void)state;
    check_copied(BUILD_SECOND);
}

/* Its connections are those of one QEMU. */
static void
vsock_is_refused(void **state)
{
    (void)state;
    if (access(VHOST_VSOCK, F_OK) < 0)
        harness_skip("there is no " VHOST_VSOCK);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-device vhost-vsock-pci,guest-cid=42"));

    carry_expect_refusal(guest, "device-vhost");
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(network_is_not_disturbed),
        HARNESS_TEST(network_is_not_disturbed_on_two_queues),
        HARNESS_TEST(network_is_not_disturbed_on_one_of_two_queues),
        HARNESS_TEST(two_queues_go_along),
        HARNESS_TEST(descriptors_keep_their_numbers),
        HARNESS_TEST(descriptors_of_two_queues_keep_their_numbers),
        HARNESS_TEST(device_that_was_plugged_goes_along),
        HARNESS_TEST(plugged_device_beside_another_without_is_refused),
        HARNESS_TEST(device_that_cannot_be_opened_is_found_before),
        HARNESS_TEST(private_memory_is_copied),
        HARNESS_TEST(private_memory_is_copied_while_the_guest_runs),
        HARNESS_TEST(vsock_is_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
