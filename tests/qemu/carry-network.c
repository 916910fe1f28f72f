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
#include "operator.h"
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

/* Says "COMMAND PROTOCOL:127.0.0.1:PORT GUEST_SIDE" on the operator's monitor, as a person does. */
static void
say(HarnessGuest *guest, const char *command, const char *protocol, guint16 port, const char *guest_side)
{
    g_autofree char *arguments = g_strdup_printf("{\"command-line\":\"%s %s:127.0.0.1:%u%s\"}", command, protocol, port,
                                                 guest_side);

    harness_guest_qmp_with(guest, "human-monitor-command", arguments);
}

/* The host's port of the forward to the guest's PORT; 0: there is none, or more than one. */
static guint16
find_forward(HarnessGuest *guest, guint16 port)
{
    g_autofree char *answer =
        operator_hear(guest, "human-monitor-command", "{\"command-line\":\"info usernet\"}");
    g_autofree char *pattern = g_strdup_printf("HOST_FORWARD\\] +[0-9]+ +[0-9.*]+ +([0-9]+) +10\\.0\\.2\\.15 +%u ", port);
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    g_regex_match(regex, answer, 0, &match);
    g_autofree char *found = g_match_info_fetch(match, 1);
    return found && !g_match_info_next(match, NULL) ? (guint16)g_ascii_strtoull(found, NULL, 10) : 0;
}

static guint16 kept_port, gone_port, late_port, udp_port, chosen_port;

/* The guest answers at port 7 alone: others show where they lead by the monitor's word. */
static void
expect_forwards_of_now(HarnessGuest *guest)
{
    use_port(late_port);
    assert_true(talk_can_connect_tcp(AF_INET, kept_port));
    assert_false(talk_can_connect_tcp(AF_INET, gone_port));
    assert_int_equal(find_forward(guest, 9), kept_port);
    assert_int_equal(find_forward(guest, 7), late_port);
    assert_int_equal(find_forward(guest, 53), udp_port);
    assert_int_equal(find_forward(guest, 80), chosen_port);
}

static void
ports_that_were_changed_go_along(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    kept_port = talk_free_port(SOCK_STREAM);
    gone_port = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec("-netdev {\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp:127.0.0.1:%u-:7\"},"
                   "{\"str\":\"tcp:127.0.0.1:%u-:9\"}]} -device virtio-net-pci,netdev=n",
                   gone_port, kept_port));
    late_port = talk_free_port(SOCK_STREAM);
    udp_port = talk_free_port(SOCK_DGRAM);

    say(guest, "hostfwd_remove", "tcp", gone_port, "");
    say(guest, "hostfwd_add", "tcp", late_port, "-:7");
    say(guest, "hostfwd_add", "udp", udp_port, "-:53");
    say(guest, "hostfwd_add", "tcp", 0, "-:80");
    chosen_port = find_forward(guest, 80);
    carry_expect_rows(guest, "OK net-hostfwd-changed,OK net-hostfwd");
    expect_forwards_of_now(guest);
    carry_roll_back(guest);
    expect_forwards_of_now(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_forwards_of_now(guest);
    carry_expect_rows(guest, "OK net-hostfwd-changed,OK net-hostfwd");
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_forwards_of_now(guest);
    /* Back to those of the definition, which are then nothing new. */
    say(guest, "hostfwd_remove", "tcp", late_port, "");
    say(guest, "hostfwd_remove", "tcp", chosen_port, "");
    say(guest, "hostfwd_remove", "udp", udp_port, "");
    say(guest, "hostfwd_add", "tcp", gone_port, "-:7");
    carry_expect_rows(guest, "OK explained,OK net-hostfwd");
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_false(talk_can_connect_tcp(AF_INET, late_port));
    use_port(gone_port);
    harness_engine_finish(engine);
}

/* Each network has its own; one is without a name, and one was added. */
static void
ports_go_along_with_their_network(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 first = talk_free_port(SOCK_STREAM), second = talk_free_port(SOCK_STREAM), third = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_SECOND,
                                            carry_spec_tiny("-netdev user,id=a -nic user,model=e1000,hostfwd=tcp:127.0.0.1:%u-:1", first));

    operator_say(guest, "netdev_add {\"type\":\"user\",\"id\":\"z\"}");
    /* The first network, and the added one. */
    say(guest, "hostfwd_add", "tcp", second, "-:2");
    say(guest, "hostfwd_add z", "tcp", third, "-:3");
    carry_expect_refusal(guest, "netdev-removed"); /* a new QEMU would make the added one before that of -nic */
    operator_say(guest, "netdev_del {\"id\":\"z\"}");
    for (unsigned i = 0; i < 3; i++) {
        harness_guest_upgrade(guest, BUILD_SECOND);
        assert_int_equal(find_forward(guest, 1), first);
        assert_int_equal(find_forward(guest, 2), second);
        assert_int_equal(find_forward(guest, 3), 0);
    }
    harness_engine_finish(engine);
}

/* Of names separated by spaces, those that begin with "-" are not there; nor are placeholders. */
static void
expect_networks(HarnessGuest *guest, const char *names)
{
    g_autofree char *answer =
        operator_hear(guest, "human-monitor-command", "{\"command-line\":\"info network\"}");
    g_auto(GStrv) words = g_strsplit(names, " ", -1);

    for (char **word = words; *word; word++) {
        bool is_there = **word != '-';
        g_autofree char *row = g_strdup_printf("%s: index=0,type=user", *word + !is_there);
        if ((strstr(answer, row) != NULL) != is_there)
            fail_msg("“%s”: %s", *word, answer);
    }
    if (strstr(answer, "moult-gone"))
        fail_msg("a placeholder was left: %s", answer);
}

/* From 8.2 on their states are numbered. */
static void
networks_keep_their_numbers_when_others_are_gone(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_SECOND,
        carry_spec("-netdev user,id=n0 -netdev user,id=n1,hostfwd=tcp:127.0.0.1:%u-:7 -device virtio-net-pci,netdev=n1 "
                   "-netdev user,id=n2",
                   port));

    operator_say(guest, "netdev_del {\"id\":\"n0\"}");
    carry_expect_rows(guest, "OK netdev-removed,OK net-hostfwd");
    carry_roll_back(guest);
    expect_networks(guest, "-n0 n1 n2");
    use_port(port);
    for (unsigned i = 0; i < 2; i++) { /* the definition names it, and QEMU has forgotten it */
        harness_guest_upgrade(guest, BUILD_SECOND);
        expect_networks(guest, "-n0 n1 n2");
        use_port(port);
    }
    operator_say(guest, "netdev_add {\"type\":\"user\",\"id\":\"n3\"}\nnetdev_del {\"id\":\"n2\"}");
    carry_expect_refusal(guest, "netdev-removed"); /* was the one removed when the other came? */
    operator_say(guest, "netdev_del {\"id\":\"n3\"}");
    harness_guest_upgrade(guest, BUILD_SECOND); /* the last one leaves the others their numbers */
    expect_networks(guest, "-n0 n1 -n2 -n3");
    g_autoptr(HarnessReply) back =
        moult(engine, "upgrade", guest->name, "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
    assert_outcome(back, EXIT_REFUSED, "refused", "net-user-several", NULL);
    harness_guest_check_network(guest);
    harness_engine_finish(engine);
}

/* All forms, several of them gone. */
static void
networks_of_all_forms_keep_their_numbers(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_SECOND,
        carry_spec_tiny("-nic user,model=e1000 -netdev user,id=t0 -netdev user,id=t1 -netdev {\"type\":\"user\",\"id\":\"j0\"} "
                        "-netdev {\"type\":\"user\",\"id\":\"j1\"}"));

    operator_say(guest, "netdev_del {\"id\":\"j0\"}\nnetdev_del {\"id\":\"t1\"}");
    for (unsigned i = 0; i < 3; i++) {
        harness_guest_upgrade(guest, BUILD_SECOND);
        expect_networks(guest, "-j0 j1 t0 -t1");
    }
    operator_say(guest, "netdev_del {\"id\":\"t0\"}\nnetdev_del {\"id\":\"j1\"}");
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_networks(guest, "-j0 -j1 -t0 -t1");
    harness_engine_finish(engine);
}

/* Before 8.2 they have no number, and one that comes from there has the first. */
static void
networks_of_old_builds_have_no_numbers(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-netdev user,id=n0 -netdev user,id=n1 -device e1000,netdev=n1"));

    operator_say(guest, "netdev_del {\"id\":\"n0\"}");
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_networks(guest, "-n0 n1");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_networks(guest, "-n0 n1");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

static void
forward_many(HarnessGuest *guest, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        say(guest, "hostfwd_add", "tcp", 0, "-:7");
}

/* All that is to be opened later is on the record of the instance, which has an end. */
static void
too_many_ports_are_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-netdev user,id=n -device e1000,netdev=n"));

    forward_many(guest, 200);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    forward_many(guest, 1);
    carry_expect_refusal(guest, "net-hostfwd");
    forward_many(guest, 56);
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
        HARNESS_TEST(ports_that_were_changed_go_along),
        HARNESS_TEST(ports_go_along_with_their_network),
        HARNESS_TEST(too_many_ports_are_refused),
        HARNESS_TEST(networks_keep_their_numbers_when_others_are_gone),
        HARNESS_TEST(networks_of_all_forms_keep_their_numbers),
        HARNESS_TEST(networks_of_old_builds_have_no_numbers),
        HARNESS_TEST(sockets_and_tunnels_are_refused),
        HARNESS_TEST(other_processes_are_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
