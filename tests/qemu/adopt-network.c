/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMUs that somebody else has started with open devices and sockets, by the numbers of their descriptors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "carry.h"
#include "network.h"
#include "processes.h"
#include "traffic.h"

#define SHARED_AND_MONITORED(mib)                                                                                      \
    " -object memory-backend-file,id=mem0,size=" mib "M,mem-path=@folder@/ram,share=on -machine memory-backend=mem0 "   \
    "-qmp unix:@folder@/qmp.sock,server=on,wait=off"

static HarnessSpec *
linux_spec(const char *netdev, const char *device)
{
    HarnessSpec *spec = carry_spec("-netdev %s -device %s,netdev=net0" SHARED_AND_MONITORED("256"), netdev, device);

    spec->vcpus = 2;
    spec->append = "moult.disk=/dev/vda moult.ip=" NETWORK_GUEST "/24";
    return spec;
}

static void
queues_are_handed_over_by_their_numbers(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_new(engine, "guest", linux_spec("tap,id=net0,fds=10:11", "virtio-net-pci,mq=on,vectors=6"));
    int queues[] = {network_open_tap("tap0", IFF_MULTI_QUEUE | IFF_VNET_HDR),
                    network_open_tap("tap0", IFF_MULTI_QUEUE | IFF_VNET_HDR)};
    pid_t pid = carry_start_with(guest, BUILD_INSTALLED, queues, 2);
    unsigned index = network_get_index("tap0");

    network_set_address("tap0", NETWORK_HOST);
    network_bring_up("tap0");
    carry_adopt(guest, pid);
    Traffic *traffic = traffic_new(guest, TRAFFIC_STREAMS_MAX);
    traffic_through_everything(traffic, TRAFFIC_ROUNDS_QUEUES);
    traffic_free(traffic);
    assert_int_equal(network_get_index("tap0"), index);
    assert_int_equal(network_count_queues("tap0"), 2);
    harness_engine_finish(engine);
    assert_int_equal(network_get_index("tap0"), 0);
}

static void
device_is_handed_over_by_its_number(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(
        engine, "guest",
        carry_spec_tiny("-netdev tap,id=net0,fd=10 -device virtio-net-pci,netdev=net0" SHARED_AND_MONITORED("16")));
    int queue = network_open_tap("tap0", IFF_VNET_HDR);
    pid_t pid = carry_start_with(guest, BUILD_INSTALLED, &queue, 1);
    unsigned index = network_get_index("tap0");

    carry_adopt(guest, pid);
    carry_expect_rows(guest, "OK fd-handed");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_int_equal(network_get_index("tap0"), index);
    harness_engine_finish(engine);
}

/* Memory that is copied while the guest runs would leave it standing for as long. */
static void
queues_do_not_change_hands_in_a_live_copy(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(
        engine, "guest",
        carry_spec_tiny("-netdev tap,id=net0,fds=10:11 -device e1000,netdev=net0 -global virtio-net-pci.rss=on "
                        "-qmp unix:@folder@/qmp.sock,server=on,wait=off"));
    int queues[] = {network_open_tap("tap0", IFF_MULTI_QUEUE | IFF_VNET_HDR),
                    network_open_tap("tap0", IFF_MULTI_QUEUE | IFF_VNET_HDR)};

    carry_adopt(guest, carry_start_with(guest, BUILD_SECOND, queues, 2));
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", guest->name, "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
    assert_outcome(reply, EXIT_REFUSED, "refused", "net-tap-queues", "as long as its memory is copied");
    harness_guest_check(guest);
    harness_engine_finish(engine);
}

/* As in "-netdev tap,fd=10 10<>/dev/tap5": a device of its own kind, that lies on a card of the host. OPTIONS: of the card. */
static HarnessGuest *
adopt_macvtap(HarnessEngine *engine, int n_queues, unsigned vcpus, const char *netdev, const char *options)
{
    char address[18];
    int queues[2];

    network_make_veth("lower");
    network_bring_up("lower");
    network_set_address("veth0", NETWORK_HOST);
    network_bring_up("veth0");
    queues[0] = network_open_macvtap("tap0", "lower", engine->folder, address);
    if (n_queues > 1)
        queues[1] = network_open_queue_of_macvtap(engine->folder);
    g_autofree char *device = g_strdup_printf("virtio-net-pci,mac=%s%s", address, options);
    network_bring_up("tap0");
    HarnessSpec *spec = linux_spec(netdev, device);
    spec->vcpus = vcpus;
    HarnessGuest *guest = harness_guest_new(engine, "guest", spec);
    carry_adopt(guest, carry_start_with(guest, BUILD_INSTALLED, queues, n_queues));
    return guest;
}

static void
macvtap_is_handed_over(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    Traffic *traffic = traffic_new(adopt_macvtap(engine, 1, 2, "tap,id=net0,fd=10", ""), 1);

    traffic_through_everything(traffic, TRAFFIC_ROUNDS);
    traffic_free(traffic);
    harness_engine_finish(engine);
}

static void
queues_of_a_macvtap_are_handed_over(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = adopt_macvtap(engine, 2, 2, "tap,id=net0,fds=10:11", ",mq=on,vectors=6");
    Traffic *traffic = traffic_new(guest, TRAFFIC_STREAMS_MAX);

    carry_expect_rows(guest, "OK net-tap-queues");
    traffic_through_everything(traffic, TRAFFIC_ROUNDS_QUEUES);
    traffic_free(traffic);
    harness_engine_finish(engine);
}

/* Which is found out when the upgrade has begun; the QEMU that starts on it would end. */
static void
unused_queue_of_a_macvtap_is_refused(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = adopt_macvtap(engine, 2, 1, "tap,id=net0,fds=10:11", ",mq=on,vectors=6");
    Traffic *traffic = traffic_new(guest, 1);
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_outcome(reply, EXIT_FAILED, "rolled-back", "net-tap-queues", "not all of the queues");
    harness_guest_check(guest);
    traffic_free(traffic);
    harness_engine_finish(engine);
}

/* The engine starts QEMU, and has none of the caller's descriptors. */
static void
number_in_a_definition_is_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autoptr(HarnessReply) reply = moult(engine, "run", "guest", "--json", "--", harness_build(BUILD_INSTALLED), "-display",
                                          "none", "-netdev", "tap,id=net0,fd=10", NULL);

    assert_refusal(reply, EXIT_REFUSED, "fd-argument", "fd=10");
    harness_engine_finish(engine);
}

/* `list --all` has PID, with CODE for what is in the way; it may not have executed QEMU yet. */
static void
await_listed_with(HarnessEngine *engine, pid_t pid, const char *code)
{
    gint64 deadline_us = g_get_monotonic_time() + HARNESS_STEP_MS * G_TIME_SPAN_MILLISECOND;

    while (g_get_monotonic_time() < deadline_us) {
        g_autoptr(HarnessReply) reply = moult(engine, "list", "--all", "--json", NULL);
        if (g_strcmp0(qmp_json_get_string(reply_find_listed(reply, pid), "code"), code) == 0)
            return;
        g_usleep(10000);
    }
    fail_msg("%s is not told", code);
}

/* No adoption comes as far as that: such a machine has no processor, which a monitor that is asked tells first. */
static void
device_of_another_process_is_told(void **state)
{
    (void)state;
    static const HarnessSpec remote = {.machine = "x-remote",
                                       .ram_mib = 16,
                                       .arguments = "-device lsi53c895a,id=d0 -object x-remote-object,id=r0,devid=d0,fd=10 "
                                                    "-qmp unix:@folder@/qmp.sock,server=on,wait=off"};
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_new(engine, "guest", &remote);
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t pid = carry_start_with(guest, BUILD_INSTALLED, &ends[1], 1);
    await_listed_with(engine, pid, "object-remote");
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(processes_await_end(pid, HARNESS_STEP_MS));
    close(ends[0]);
    g_ptr_array_remove(engine->guests, guest);
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(queues_are_handed_over_by_their_numbers),
        HARNESS_TEST(device_is_handed_over_by_its_number),
        HARNESS_TEST(queues_do_not_change_hands_in_a_live_copy),
        HARNESS_TEST(macvtap_is_handed_over),
        HARNESS_TEST(queues_of_a_macvtap_are_handed_over),
        HARNESS_TEST(unused_queue_of_a_macvtap_is_refused),
        HARNESS_TEST(number_in_a_definition_is_refused),
        HARNESS_TEST(device_of_another_process_is_told),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
