/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TAP devices through upgrades and rollbacks, under streams of a datagram every 10 ms and an open TCP connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "carry.h"
#include "network.h"
#include "traffic.h"

#define MANY TRAFFIC_STREAMS_MAX /* with so many each of two queues has one, but once in a while */

#define TAP0 "tap,id=net0,ifname=tap0,script=no,downscript=no"
#define TWO_QUEUES "virtio-net-pci,mq=on,vectors=6"

static HarnessSpec *
tap_spec(const char *netdev, const char *device)
{
    HarnessSpec *spec = carry_spec("-netdev %s -device %s,netdev=net0", netdev, device);

    spec->vcpus = 2;
    spec->append = "moult.disk=/dev/vda moult.ip=" NETWORK_GUEST "/24";
    return spec;
}

static void
check_persistent(int flags, const HarnessSpec *spec, unsigned n_streams)
{
    network_enter();
    network_make_tap("tap0", flags);
    network_set_address("tap0", NETWORK_HOST);
    network_bring_up("tap0");
    HarnessEngine *engine = harness_engine_new(NULL);
    Traffic *traffic = traffic_new(harness_guest_run(engine, "guest", BUILD_INSTALLED, spec), n_streams);
    unsigned n_queues = network_count_queues("tap0");

    traffic_through_everything(traffic, n_streams > 1 ? TRAFFIC_ROUNDS_QUEUES : TRAFFIC_ROUNDS);
    assert_int_equal(network_count_queues("tap0"), n_queues);
    if (flags & IFF_MULTI_QUEUE)
        assert_true(network_is_spread("tap0"));
    traffic_free(traffic);
    harness_engine_finish(engine);
    assert_int_not_equal(network_get_index("tap0"), 0);
}

static void
network_is_not_disturbed_by_name(void **state)
{
    (void)state;
    check_persistent(0, tap_spec(TAP0, "virtio-net-pci"), 1);
}

static void
network_is_not_disturbed_without_a_header(void **state)
{
    (void)state;
    check_persistent(0, tap_spec(TAP0 ",vnet_hdr=off", "virtio-net-pci"), 1);
}

static void
network_is_not_disturbed_on_two_queues(void **state)
{
    (void)state;
    check_persistent(IFF_MULTI_QUEUE, tap_spec(TAP0 ",queues=2", TWO_QUEUES), MANY);
}

/* It is there as long as a QEMU has it open. The script is run by the first one alone, the other by none that is handed on. */
static void
device_of_qemus_own_lives_on(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    const char *up = harness_script(engine, "ifup", "echo up $1 >>%s/ifup.log\n", engine->folder);
    const char *down = harness_script(engine, "ifdown", "echo down $1 >>%s/ifup.log\n", engine->folder);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-netdev tap,id=net0,ifname=tap7,script=%s,downscript=%s,downscript=/bin/true -device e1000,netdev=net0", up, down));
    g_autofree char *log = carry_path(guest, "ifup.log"), *text = NULL;
    unsigned index = network_get_index("tap7");

    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_int_equal(network_get_index("tap7"), index);
    assert_true(g_file_get_contents(log, &text, NULL, NULL));
    assert_string_equal(text, "up tap7\n");
    harness_engine_finish(engine);
    assert_int_equal(network_get_index("tap7"), 0);
}

/* The next QEMU has it by its descriptor, and so it is found in the one after. */
static void
device_that_was_plugged_goes_along(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-device pcie-root-port,id=rp0,chassis=1"));

    harness_guest_qmp_with(guest, "netdev_add",
                           "{\"type\":\"tap\",\"id\":\"n9\",\"ifname\":\"tap9\",\"script\":\"no\",\"downscript\":\"no\"}");
    harness_guest_qmp_with(guest, "device_add",
                           "{\"driver\":\"virtio-net-pci\",\"id\":\"nic9\",\"bus\":\"rp0\",\"netdev\":\"n9\"}");
    unsigned index = network_get_index("tap9");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_int_equal(network_get_index("tap9"), index);
    harness_engine_finish(engine);
    assert_int_equal(network_get_index("tap9"), 0);
}

/* The card may set a steering program of its own: so all its queues change hands. */
static void
network_is_not_disturbed_on_two_queues_with_scaling(void **state)
{
    (void)state;
    check_persistent(IFF_MULTI_QUEUE, tap_spec(TAP0 ",queues=2", TWO_QUEUES ",rss=on"), MANY);
}

/* A guest uses as many as it has CPUs: what comes for it must not go to the others while a QEMU starts on them. */
static void
network_is_not_disturbed_on_one_of_two_queues(void **state)
{
    (void)state;
    HarnessSpec *spec = tap_spec(TAP0 ",queues=2", TWO_QUEUES);

    spec->vcpus = 1;
    check_persistent(IFF_MULTI_QUEUE, spec, MANY);
}

static void
network_is_not_disturbed_on_two_of_four_queues(void **state)
{
    (void)state;
    check_persistent(IFF_MULTI_QUEUE, tap_spec(TAP0 ",queues=4", "virtio-net-pci,mq=on,vectors=10"), MANY);
}

/* A QEMU that starts would end over a queue that is detached already; where QEMU itself steers packets, no others can be made. */
static void
unused_queue_is_refused_with_scaling(void **state)
{
    (void)state;
    network_enter();
    network_make_tap("tap0", IFF_MULTI_QUEUE);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-netdev " TAP0 ",queues=2 -device " TWO_QUEUES ",rss=on,netdev=net0"));

    carry_expect_refusal(guest, "net-tap-queues");
    harness_engine_finish(engine);
}

/* The script that QEMU runs when it opens a device. */
static void
scripts_are_run_once(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    const char *script = harness_script(engine, "ifup", "echo \"$1\" >>%s/ifup.log\n", engine->folder);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-netdev tap,id=net0,script=%s,downscript=/bin/true -device e1000,netdev=net0", script));
    g_autofree char *log = carry_path(guest, "ifup.log"), *text = NULL;

    carry_expect_rows(guest, "OK net-tap,WARN net-tap-downscript");
    /* The kernel has chosen the name: the device is found as the only one. */
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_true(g_file_get_contents(log, &text, NULL, NULL));
    assert_string_equal(text, "tap0\n");
    harness_engine_finish(engine);
}

static void
device_of_nobody_knows_which_option_is_refused(void **state)
{
    (void)state;
    network_enter();
    carry_expect_refused(carry_spec_tiny("-netdev tap,id=net0,script=no,downscript=no -device e1000,netdev=net0 "
                                         "-netdev tap,id=net1,script=no,downscript=no -device e1000,netdev=net1"),
                         "net-tap");
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(network_is_not_disturbed_by_name),
        HARNESS_TEST(network_is_not_disturbed_without_a_header),
        HARNESS_TEST(network_is_not_disturbed_on_two_queues),
        HARNESS_TEST(device_of_qemus_own_lives_on),
        HARNESS_TEST(device_that_was_plugged_goes_along),
        HARNESS_TEST(network_is_not_disturbed_on_two_queues_with_scaling),
        HARNESS_TEST(network_is_not_disturbed_on_one_of_two_queues),
        HARNESS_TEST(network_is_not_disturbed_on_two_of_four_queues),
        HARNESS_TEST(unused_queue_is_refused_with_scaling),
        HARNESS_TEST(scripts_are_run_once),
        HARNESS_TEST(device_of_nobody_knows_which_option_is_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
