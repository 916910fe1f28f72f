/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TAP device with two queues, whose engine dies while they change hands: the guest then stands still, and a queue is out of
 * its device. The next engine puts that right, too.
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

static const HarnessSpec spec = {
    .kernel = "cloud",
    .machine = "pc-q35-7.2",
    .vcpus = 2,
    .ram_mib = 256,
    .arguments = "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0 "
                 "-netdev tap,id=net0,ifname=tap0,script=no,downscript=no,queues=2 "
                 "-device virtio-net-pci,netdev=net0,mq=on,vectors=6",
    .append = "moult.disk=/dev/vda moult.ip=" NETWORK_GUEST "/24",
};

static void
crash(Scene *scene, const char *point, bool is_resting, SceneEnd expected)
{
    scene_start_engine(scene, "MOULT_CRASH_POINT", point, NULL);
    Program *upgrade = scene_start_upgrade(scene, NULL);
    if (is_resting)
        scene_await_crash_of_resting_guest(scene);
    else
        scene_await_crash(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_status(reply, EXIT_UNREACHABLE);
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

static void
engine_killed_while_queues_change_hands(void **state)
{
    (void)state;
    network_enter();
    network_make_tap("tap0", IFF_MULTI_QUEUE);
    network_set_address("tap0", NETWORK_HOST);
    network_bring_up("tap0");
    Scene *scene = scene_new(&spec);
    stream_stop(stream_start(NETWORK_GUEST));
    int connection = network_connect_to_guest();

    crash(scene, "prepare.start:after", false, SCENE_OLD);
    crash(scene, "perform.stop:after", true, SCENE_OLD);
    crash(scene, "perform.migrate:after", true, SCENE_EITHER);
    crash(scene, "perform.complete:after", true, SCENE_EITHER);
    hang_target(scene);
    assert_int_equal(network_count_queues("tap0"), 2);
    talk_expect_echo(connection, "still here\n");
    close(connection);
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(engine_killed_while_queues_change_hands),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
