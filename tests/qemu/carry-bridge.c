/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TAP devices that QEMU's own helper makes as ports of a bridge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "carry.h"
#include "harness-private.h"
#include "network.h"
#include "traffic.h"

#define HELPER "/usr/lib/qemu/qemu-bridge-helper"

/* The helper reads whom it may serve in /etc/qemu: in our mount namespace there is such a file. */
static void
allow_bridge(const HarnessEngine *engine)
{
    g_autofree char *folder = g_build_filename(engine->folder, "etc", "qemu", NULL);
    g_autofree char *path = g_build_filename(folder, "bridge.conf", NULL);
    g_autofree char *options = g_strdup_printf("lowerdir=%s/etc:/etc", engine->folder);

    if (access(HELPER, X_OK) < 0)
        harness_skip("there is no " HELPER);
    assert_int_equal(g_mkdir_with_parents(folder, 0755), 0);
    assert_true(g_file_set_contents(path, "allow br0\n", -1, NULL));
    if (mount("overlay", "/etc", "overlay", MS_RDONLY, options) < 0)
        fail_msg("an overlay over /etc: %s", g_strerror(errno));
}

static HarnessEngine *
make_bridge(void)
{
    network_enter();
    network_make_bridge("br0");
    network_set_address("br0", NETWORK_HOST);
    network_bring_up("br0");
    HarnessEngine *engine = harness_engine_prepare();
    allow_bridge(engine);
    harness_engine_start(engine, NULL);
    return engine;
}

static void
port_of_the_bridge_stays(void **state)
{
    (void)state;
    HarnessEngine *engine = make_bridge();
    HarnessSpec *spec = carry_spec("-netdev bridge,id=net0,br=br0,helper=" HELPER " -device virtio-net-pci,netdev=net0");

    spec->append = "moult.disk=/dev/vda moult.ip=" NETWORK_GUEST "/24";
    Traffic *traffic = traffic_new(harness_guest_run(engine, "guest", BUILD_INSTALLED, spec), 1);
    unsigned index = network_get_index("tap0");
    traffic_through_everything(traffic, TRAFFIC_ROUNDS);
    traffic_free(traffic);
    assert_int_equal(network_get_index("tap0"), index);
    assert_true(network_is_bridged("tap0"));
    harness_engine_finish(engine);
    assert_int_equal(network_get_index("tap0"), 0);
}

static void
port_of_nic_stays(void **state)
{
    (void)state;
    HarnessEngine *engine = make_bridge();
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-nic bridge,br=br0,model=e1000"));
    unsigned index = network_get_index("tap0");

    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_int_equal(network_get_index("tap0"), index);
    assert_int_equal(network_get_index("tap1"), 0);
    assert_true(network_is_bridged("tap0"));
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(port_of_the_bridge_stays),
        HARNESS_TEST(port_of_nic_stays),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
