/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TAP device with two queues, whose engine dies while they change hands: the guest then stands still, and a queue is out of
 * its device. Or while the new QEMU has a queue of its own: packets are then kept away from all but the first. The next engine puts
 * that right, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "network.h"
#include "scene.h"
#include "stream.h"
#include "talk.h"

#define ARGUMENTS                                                                                                     \
    "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0 "                          \
    "-netdev tap,id=net0,ifname=tap0,script=no,downscript=no,queues=2 "                                                \
    "-device virtio-net-pci,netdev=net0,mq=on,vectors=6"

/* No queue can be made for a card that may steer packets itself. */
static const HarnessSpec spec = {
    .kernel = "cloud",
    .machine = "pc-q35-7.2",
    .vcpus = 2,
    .ram_mib = 256,
    .arguments = ARGUMENTS ",rss=on",
    .append = "moult.disk=/dev/vda moult.ip=" NETWORK_GUEST "/24",
};

/* It uses one of the two. */
static const HarnessSpec steered = {
    .kernel = "cloud",
    .machine = "pc-q35-7.2",
    .vcpus = 1,
    .ram_mib = 256,
    .arguments = ARGUMENTS,
    .append = "moult.disk=/dev/vda moult.ip=" NETWORK_GUEST "/24",
};

/* From before `migrate` on the guest stands still. */
static void
crash_at_rest(Scene *scene, const char *point, SceneEnd expected)
{
    scene_crash_at_rest(scene, point, NULL);
    scene_start_engine(scene, NULL);
    scene_check(scene, expected, point);
}

/* The guest stands from before `migrate` on. */
static void
hang_target(Scene *scene)
{
    scene_hang_target(scene, "--timeout=600", "does not take the rest");
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_OLD, "a target that hangs");
}

static Scene *
start(const HarnessSpec *with)
{
    network_enter();
    network_make_tap("tap0", IFF_MULTI_QUEUE);
    network_set_address("tap0", NETWORK_HOST);
    network_bring_up("tap0");
    Scene *scene = scene_new(with);
    stream_stop(stream_start(NETWORK_GUEST));
    return scene;
}

static void
engine_killed_while_queues_change_hands(void **state)
{
    (void)state;
    Scene *scene = start(&spec);
    int connection = network_connect_to_guest();

    scene_crash_at(scene, "prepare.start:after");
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_OLD, "prepare.start:after");
    crash_at_rest(scene, "perform.stop:after", SCENE_OLD);
    crash_at_rest(scene, "perform.migrate:after", SCENE_EITHER);
    crash_at_rest(scene, "perform.complete:after", SCENE_EITHER);
    hang_target(scene);
    assert_int_equal(network_count_queues("tap0"), 2);
    talk_expect_echo(connection, "still here\n");
    close(connection);
    scene_finish(scene);
}

static void
crash_steered(Scene *scene, const char *point, SceneEnd expected)
{
    scene_crash_at(scene, point);
    assert_false(network_is_spread("tap0"));
    scene_start_engine(scene, NULL);
    stream_stop(stream_start(NETWORK_GUEST)); /* recovery is through when the guest is; and it answers */
    scene_check(scene, expected, point);
    assert_int_equal(network_count_queues("tap0"), 1);
    assert_true(network_is_spread("tap0"));
}

static void
engine_killed_while_packets_are_steered(void **state)
{
    (void)state;
    Scene *scene = start(&steered);

    assert_true(network_is_spread("tap0"));
    crash_steered(scene, "prepare.start:after", SCENE_OLD);
    crash_steered(scene, "perform.migrate:before", SCENE_OLD);
    crash_steered(scene, "confirm.retire:before", SCENE_NEW);
    crash_steered(scene, "confirm.queues:before", SCENE_NEW);
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(engine_killed_while_queues_change_hands),
        HARNESS_TEST(engine_killed_while_packets_are_steered),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
