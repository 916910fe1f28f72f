/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * User networking through upgrades and rollbacks: forwarded ports are where they were and lead to the guest. And the back
 * ends that are not carried, each with a QEMU that has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
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
    carry_expect_rows(guest, "OK net-hostfwd");
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
    carry_expect_refused(
        carry_spec_tiny("-netdev user,id=n,guestfwd=tcp:10.0.2.100:1234-cmd:cat -device virtio-net-pci,netdev=n"),
        "net-guestfwd");
}

/* Says it on the operator's monitor, as a person does. */
static void
say(HarnessGuest *guest, const char *command, const char *protocol, guint16 port, const char *guest_side)
{
    g_autofree char *arguments = g_strdup_printf("{\"command-line\":\"%s %s:127.0.0.1:%u%s\"}", command, protocol, port,
                                                 guest_side);

    harness_guest_qmp_with(guest, "human-monitor-command", arguments);
}

/* A new QEMU would be given the ports of the definition. */
static void
ports_that_were_changed_are_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM), udp_port = talk_free_port(SOCK_DGRAM);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-netdev user,id=n,hostfwd=tcp:127.0.0.1:%u-:7 -device e1000,netdev=n", port));

    say(guest, "hostfwd_add", "udp", udp_port, "-:7");
    carry_expect_refusal(guest, "net-hostfwd-changed");
    say(guest, "hostfwd_remove", "udp", udp_port, "");
    harness_guest_upgrade(guest, BUILD_SECOND);
    /* The new QEMU's own command line has no forward. */
    harness_guest_upgrade(guest, BUILD_SECOND);
    say(guest, "hostfwd_remove", "tcp", port, "");
    carry_expect_refusal(guest, "net-hostfwd-changed");
    harness_engine_finish(engine);
}

/* ---- Back ends that are not carried ---- */

static void
expect_all_refused(HarnessGuest *guest, const char *const *codes)
{
    g_autoptr(HarnessReply) check =
        moult(guest->engine, "check", guest->name, "--to", harness_build(BUILD_SECOND), NULL);

    assert_int_equal(check->status, EXIT_REFUSED);
    for (const char *const *code = codes; *code; code++) {
        g_autofree char *row = g_strdup_printf("BLOCK  %s", *code);
        if (!strstr(check->text, row))
            fail_msg("“%s” is not in: %s", row, check->text);
    }
    carry_expect_refusal(guest, codes[0]);
}

static void
sockets_and_tunnels_are_refused(void **state)
{
    (void)state;
    static const char *const sockets[] = {"net-socket", NULL}, *const others[] = {"net-tunnel", "net-vde", NULL};
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 tcp = talk_free_port(SOCK_STREAM), udp = talk_free_port(SOCK_DGRAM);
    const HarnessSpec *specs[] = {
        carry_spec_tiny("-device e1000,netdev=n -netdev socket,id=n,listen=127.0.0.1:%u", tcp),
        carry_spec_tiny("-device e1000,netdev=n -netdev socket,id=n,localaddr=127.0.0.1:%u,udp=127.0.0.1:9", udp),
        carry_spec_tiny("-device e1000,netdev=n -netdev dgram,id=n,local.type=inet,local.host=127.0.0.1,local.port=%u,"
                        "remote.type=inet,remote.host=127.0.0.1,remote.port=9",
                        udp),
        carry_spec_tiny("-device e1000,netdev=n -netdev stream,id=n,server=on,addr.type=unix,addr.path=@folder@/n.sock"),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
        HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, specs[i]);
        expect_all_refused(guest, sockets);
        g_autoptr(HarnessReply) stop = moult(engine, "stop", "guest", "--force", NULL);
        assert_status(stop, EXIT_DONE);
        harness_guest_await_gone(guest);
    }
    expect_all_refused(
        harness_guest_run(engine, "others", BUILD_INSTALLED,
                          carry_spec_tiny("-netdev l2tpv3,id=t,src=127.0.0.1,dst=127.0.0.1,udp=on,srcport=%u,dstport=9,"
                                          "rxsession=1,txsession=2 -device e1000,netdev=t "
                                          "-netdev vde,id=v,sock=null:// -device e1000,netdev=v",
                                          udp)),
        others);
    harness_engine_finish(engine);
}

/* ---- The other half of vhost-user ---- */

/* docs/interop/vhost-user.rst in QEMU's sources */
#define GET_FEATURES 1
#define GET_PROTOCOL_FEATURES 15
#define REPLY 5 /* version 1, and that it is one */
#define HAS_PROTOCOL_FEATURES (1ULL << 30)
#define HAS_DIRTY_LOG (1ULL << 26)
#define HAS_LOG_BY_DESCRIPTOR (1ULL << 1)

typedef struct {
    guint32 request, flags, size;
} VhostUserHeader;

/* As much of it as a QEMU wants that starts, and that could migrate. */
static gpointer
serve_vhost_user(gpointer data)
{
    int connection = talk_accept(GPOINTER_TO_INT(data));
    VhostUserHeader header;
    char payload[4096];

    while (recv(connection, &header, sizeof(header), MSG_WAITALL) == sizeof(header) && header.size <= sizeof(payload) &&
           (header.size == 0 || recv(connection, payload, header.size, MSG_WAITALL) == (ssize_t)header.size)) {
        struct {
            VhostUserHeader header;
            guint64 value;
        } __attribute__((packed)) reply = {{header.request, REPLY, sizeof(guint64)},
                                           header.request == GET_FEATURES ? HAS_PROTOCOL_FEATURES | HAS_DIRTY_LOG
                                                                          : HAS_LOG_BY_DESCRIPTOR};
        if (header.request == GET_FEATURES || header.request == GET_PROTOCOL_FEATURES)
            assert_int_equal(send(connection, &reply, sizeof(reply), MSG_NOSIGNAL), sizeof(reply));
    }
    close(connection);
    return NULL;
}

static void
other_processes_are_refused(void **state)
{
    (void)state;
    static const char *const codes[] = {"device-vhost-user", NULL};
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *path = g_build_filename(engine->folder, "vhost.sock", NULL);
    GThread *thread = g_thread_new("vhost-user", serve_vhost_user, GINT_TO_POINTER(talk_listen_unix(path)));

    expect_all_refused(harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                         carry_spec_tiny("-chardev socket,id=c,path=%s -netdev vhost-user,id=n,chardev=c "
                                                         "-device virtio-net-pci,netdev=n,romfile=",
                                                         path)),
                       codes);
    harness_engine_finish(engine);
    g_thread_join(thread);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(forwarded_ports_are_where_they_were),
        HARNESS_TEST(forwarded_ports_come_back_with_the_old_build),
        HARNESS_TEST(guest_forwards_are_refused),
        HARNESS_TEST(ports_that_were_changed_are_refused),
        HARNESS_TEST(sockets_and_tunnels_are_refused),
        HARNESS_TEST(other_processes_are_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
