/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TAP devices through upgrades and rollbacks, under a stream of a datagram every 10 ms. In a network
 * namespace of the test's own, with devices that it makes: nothing of the host's network is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "carry.h"
#include "stream.h"
#include "talk.h"

#define HOST_ADDRESS "10.99.0.1"
#define GUEST_ADDRESS "10.99.0.2"
#define MAX_LOST 2

static void
set_address(int fd, unsigned long what, const char *name, const char *address)
{
    struct ifreq request = {0};
    struct sockaddr_in *inet = (struct sockaddr_in *)(void *)&request.ifr_addr;

    g_strlcpy(request.ifr_name, name, IFNAMSIZ);
    inet->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, address, &inet->sin_addr), 1);
    assert_int_equal(ioctl(fd, what, &request), 0);
}

static void
bring_up(const char *name, const char *address)
{
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_strlcpy(request.ifr_name, name, IFNAMSIZ);
    set_address(fd, SIOCSIFADDR, name, address);
    set_address(fd, SIOCSIFNETMASK, name, "255.255.255.0");
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

/* A persistent device: QEMU opens it by its name. */
static void
make_tap(const char *name, short flags)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags)};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    g_strlcpy(request.ifr_name, name, IFNAMSIZ);
    assert_true(fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0 && ioctl(fd, TUNSETPERSIST, 1) == 0);
    close(fd);
}

/* A namespace of our own, left with the test's process. */
static void
enter_network(void)
{
    harness_need_root();
    if (unshare(CLONE_NEWNET) < 0)
        fail_msg("a network namespace: %s", g_strerror(errno));
}

static const HarnessSpec *
tap_spec(const char *netdev, const char *device)
{
    HarnessSpec *spec =
        g_memdup2(carry_spec("-netdev %s -device %s,netdev=net0", netdev, device), sizeof(*spec));

    spec->vcpus = 2;
    spec->append = "moult.disk=/dev/vda moult.ip=" GUEST_ADDRESS "/24";
    return spec;
}

static int
connect_to_guest(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, GUEST_ADDRESS, &to.sin_addr), 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* How many may be lost is a promise; a duplicate is an error in itself. */
static void
check_stream(Stream *stream, const char *what)
{
    StreamResult result = stream_stop(stream);

    print_message("%s: %u sent, %u lost (%u in a row), %u duplicated\n", what, result.sent, result.lost,
                  result.longest_gap, result.duplicated);
    assert_in_range(result.lost, 0, MAX_LOST);
    assert_int_equal(result.duplicated, 0);
}

static void
check_through_everything(const HarnessSpec *spec)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, spec);
    Stream *stream = stream_start(GUEST_ADDRESS);
    int flow = connect_to_guest();

    talk_expect_echo(flow, "before\n");
    harness_guest_upgrade(guest, BUILD_SECOND);
    check_stream(stream, "7.2 -> 10.0");
    talk_expect_echo(flow, "after\n");

    stream = stream_start(GUEST_ADDRESS);
    carry_roll_back(guest);
    check_stream(stream, "rolled back");
    talk_expect_echo(flow, "rolled back\n");

    stream = stream_start(GUEST_ADDRESS);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    check_stream(stream, "10.0 -> 7.2");
    talk_expect_echo(flow, "and again\n");
    close(flow);
    harness_guest_check_network(guest);
    harness_engine_finish(engine);
}

static void
network_is_not_disturbed_by_name(void **state)
{
    (void)state;
    enter_network();
    make_tap("tap0", 0);
    bring_up("tap0", HOST_ADDRESS);
    check_through_everything(tap_spec("tap,id=net0,ifname=tap0,script=no,downscript=no", "virtio-net-pci"));
}

static void
several_queues_are_refused(void **state)
{
    (void)state;
    enter_network();
    make_tap("tap0", IFF_MULTI_QUEUE);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec_tiny("-netdev tap,id=net0,ifname=tap0,script=no,downscript=no,queues=2 "
                                          "-device virtio-net-pci,netdev=net0,mq=on,vectors=6"));

    carry_expect_refusal(guest, "net-tap-queues");
    harness_engine_finish(engine);
}

static void
network_is_not_disturbed_without_a_header(void **state)
{
    (void)state;
    enter_network();
    make_tap("tap0", 0);
    bring_up("tap0", HOST_ADDRESS);
    check_through_everything(
        tap_spec("tap,id=net0,ifname=tap0,script=no,downscript=no,vnet_hdr=off", "virtio-net-pci"));
}

/* The script that QEMU runs when it opens a device. */
static void
scripts_are_run_once(void **state)
{
    (void)state;
    enter_network();
    HarnessEngine *engine = harness_engine_new(NULL);
    const char *script = harness_script(engine, "ifup", "echo \"$1\" >>%s/ifup.log\n", engine->folder);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-netdev tap,id=net0,script=%s,downscript=no -device e1000,netdev=net0", script));
    g_autofree char *log = carry_path(guest, "ifup.log"), *text = NULL;

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
    enter_network();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-netdev tap,id=net0,script=no,downscript=no -device e1000,netdev=net0 "
                        "-netdev tap,id=net1,script=no,downscript=no -device e1000,netdev=net1"));

    carry_expect_refusal(guest, "net-tap");
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(network_is_not_disturbed_by_name),
        HARNESS_TEST(several_queues_are_refused),
        HARNESS_TEST(network_is_not_disturbed_without_a_header),
        HARNESS_TEST(scripts_are_run_once),
        HARNESS_TEST(device_of_nobody_knows_which_option_is_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
