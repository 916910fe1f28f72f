/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * User networking through upgrades and rollbacks: forwarded ports are where they were and lead to the guest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "carry.h"
#include "talk.h"

static void
use_port(guint16 port)
{
    int fd = talk_connect_tcp(AF_INET, port);

    talk_expect_echo(fd, "ping\n");
    close(fd);
}

static void
forwarded_ports_are_where_they_were(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 first = talk_free_port(SOCK_STREAM), second = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec("-netdev user,id=net0,hostfwd=tcp:127.0.0.1:%u-:7 -device virtio-net-pci,netdev=net0 "
                   "-netdev user,id=net1,hostfwd=tcp:127.0.0.1:%u-10.0.2.15:7",
                   first, second));
    int open;

    use_port(first);
    open = talk_connect_tcp(AF_INET, first);
    talk_expect_echo(open, "before\n");
    carry_roll_back(guest);
    talk_expect_echo(open, "between\n"); /* a rollback cuts nothing off */
    harness_guest_upgrade(guest, BUILD_SECOND);
    talk_await_end(open); /* libslirp does not hand flows over */
    close(open);
    use_port(first);
    assert_true(talk_can_connect_tcp(AF_INET, second));
    g_autoptr(HarnessReply) back =
        moult(engine, "upgrade", guest->name, "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
    assert_outcome(back, EXIT_REFUSED, "refused", "net-user-several", NULL);
    harness_guest_upgrade(guest, BUILD_SECOND);
    use_port(first);
    harness_guest_check_network(guest);
    harness_engine_finish(engine);
}

static void
forwarded_ports_come_back_with_the_old_build(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_SECOND,
                          carry_spec("-nic user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:%u-:7", port));

    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_true(talk_can_connect_tcp(AF_INET, port));
    harness_engine_finish(engine);
}

static void
guest_forwards_are_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny(
            "-netdev user,id=n,guestfwd=tcp:10.0.2.100:1234-cmd:cat -device virtio-net-pci,netdev=n"));

    carry_expect_refusal(guest, "net-guestfwd");
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(forwarded_ports_are_where_they_were),
        HARNESS_TEST(forwarded_ports_come_back_with_the_old_build),
        HARNESS_TEST(guest_forwards_are_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
