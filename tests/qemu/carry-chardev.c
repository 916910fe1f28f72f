/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices through upgrades and rollbacks: the sockets, connections and files of a guest are
 * afterwards where they were, and lead to the guest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "harness.h"
#include "talk.h"

#define PORTS "-device virtio-serial-pci "

static ino_t
inode_of(const char *path)
{
    struct stat status;

    if (lstat(path, &status) < 0)
        fail_msg("%s is not there", path);
    return status.st_ino;
}

static void
expect_monitor(int fd, const char *version)
{
    talk_await(fd, "(qemu)");
    talk_say(fd, "info version\n");
    talk_await(fd, version);
}

static void
use_sockets(HarnessGuest *guest, guint16 port, HarnessBuild build)
{
    g_autofree char *agent = carry_path(guest, "agent.sock"), *monitor = carry_path(guest, "monitor.sock");
    g_autofree char *greeting = g_strdup_printf("\"major\": %d", atoi(harness_build_version(build)));
    int agent_fd = talk_connect_unix(agent), monitor_fd = talk_connect_unix(monitor);
    int qmp_fd = talk_connect_tcp(AF_INET, port);

    talk_expect_echo(agent_fd, "ping\n");
    expect_monitor(monitor_fd, harness_build_version(build));
    talk_await(qmp_fd, greeting);
    close(agent_fd);
    close(monitor_fd);
    close(qmp_fd);
}

static const HarnessSpec *
make_socket_spec(guint16 port)
{
    return carry_spec(PORTS "-chardev socket,id=agent,path=@folder@/agent.sock,server=on,wait=off "
                            "-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0 "
                            "-monitor unix:@folder@/monitor.sock,server,nowait "
                            "-qmp tcp:127.0.0.1:%u,server=on,wait=off",
                      port);
}

static void
sockets_are_where_they_were(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_socket_spec(port));
    g_autofree char *agent = carry_path(guest, "agent.sock"), *monitor = carry_path(guest, "monitor.sock");
    ino_t agent_inode = inode_of(agent), monitor_inode = inode_of(monitor);
    int connected = talk_connect_unix(agent);

    talk_expect_echo(connected, "ping\n");
    harness_guest_upgrade(guest, BUILD_SECOND);
    talk_await_end(connected);
    close(connected);
    use_sockets(guest, port, BUILD_SECOND);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    use_sockets(guest, port, BUILD_INSTALLED);
    assert_true(inode_of(agent) == agent_inode && inode_of(monitor) == monitor_inode);
    harness_engine_finish(engine);
}

static void
sockets_survive_a_rollback(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_socket_spec(port));
    g_autofree char *agent = carry_path(guest, "agent.sock");
    ino_t agent_inode = inode_of(agent);
    int connected = talk_connect_unix(agent);

    talk_expect_echo(connected, "ping\n");
    carry_roll_back(guest);
    talk_expect_echo(connected, "pong\n"); /* not even cut off */
    close(connected);
    use_sockets(guest, port, BUILD_INSTALLED);
    assert_true(inode_of(agent) == agent_inode);
    harness_guest_upgrade(guest, BUILD_SECOND);
    use_sockets(guest, port, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* The new QEMU leaves in order, and then takes its sockets away as any QEMU does. */
static void
sockets_go_with_the_guest(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, make_socket_spec(talk_free_port(SOCK_STREAM)));
    g_autofree char *agent = carry_path(guest, "agent.sock");

    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_guest_power_off(guest);
    assert_false(g_file_test(agent, G_FILE_TEST_EXISTS));
    harness_engine_finish(engine);
}

/* One whose port is connected to a socket of ours; MORE options of its chardev. */
static HarnessGuest *
run_connected(HarnessEngine *engine, const char *more, int *ret_listener, int *ret_peer)
{
    g_autofree char *path = g_build_filename(engine->folder, "peer.sock", NULL);

    *ret_listener = talk_listen_unix(path);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec(PORTS "-chardev socket,id=peer,path=@folder@/peer.sock%s "
                                           "-device virtserialport,chardev=peer,name=peer", more));
    *ret_peer = talk_accept(*ret_listener);
    return guest;
}

static void
connections_go_on(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    int listener, peer;
    HarnessGuest *guest = run_connected(engine, "", &listener, &peer);

    close(listener); /* there is no second connection to be had */
    talk_expect_echo(peer, "before\n");
    carry_roll_back(guest);
    talk_expect_echo(peer, "between\n");
    harness_guest_upgrade(guest, BUILD_SECOND);
    talk_expect_echo(peer, "after\n");
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    talk_expect_echo(peer, "and again\n");
    close(peer);
    harness_engine_finish(engine);
}

static void
clients_connect_again(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    int listener, first, second;
    HarnessGuest *guest = run_connected(engine, ",reconnect=1", &listener, &first);

    talk_expect_echo(first, "before\n");
    harness_guest_upgrade(guest, BUILD_SECOND);
    talk_await_end(first);
    second = talk_accept(listener);
    talk_expect_echo(second, "after\n");
    close(first);
    close(second);
    close(listener);
    harness_engine_finish(engine);
}

static void
refusals_have_their_codes(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    int listener, peer;
    HarnessGuest *guest = run_connected(engine, "", &listener, &peer);

    close(listener);
    close(peer); /* QEMU does not connect again */
    carry_expect_refusal(guest, "chardev-client");
    harness_engine_finish(engine);
}

static void
files_are_not_emptied(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec(PORTS "-parallel file:@folder@/parallel -debugcon file:@folder@/debug -chardev file,id=f,path=@folder@/port "
                         "-device virtserialport,chardev=f,name=f "
                         "-chardev socket,id=s,path=@folder@/s,server=on,wait=off,logfile=@folder@/log "
                         "-device virtserialport,chardev=s,name=s"));
    g_autofree char *parallel = carry_path(guest, "parallel"), *port = carry_path(guest, "port");
    g_autofree char *debug = carry_path(guest, "debug"), *log = carry_path(guest, "log"), *socket = carry_path(guest, "s");
    g_autofree char *logged = NULL;
    int fd = talk_connect_unix(socket);

    talk_expect_echo(fd, "before\n");
    close(fd);
    assert_true(g_file_set_contents(parallel, "kept", -1, NULL) && g_file_set_contents(debug, "kept", -1, NULL) &&
                g_file_set_contents(port, "kept", -1, NULL));
    harness_guest_upgrade(guest, BUILD_SECOND);
    fd = talk_connect_unix(socket);
    talk_expect_echo(fd, "after\n");
    close(fd);
    carry_roll_back(guest);
    for (const char *const *path = (const char *const[]){parallel, port, debug, NULL}; *path; path++) {
        g_autofree char *text = NULL;
        assert_true(g_file_get_contents(*path, &text, NULL, NULL) && g_str_has_prefix(text, "kept"));
    }
    assert_true(g_file_get_contents(log, &logged, NULL, NULL));
    assert_true(strstr(logged, "before") && strstr(logged, "after"));
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(sockets_are_where_they_were), HARNESS_TEST(sockets_survive_a_rollback),
        HARNESS_TEST(sockets_go_with_the_guest),   HARNESS_TEST(connections_go_on),
        HARNESS_TEST(clients_connect_again),       HARNESS_TEST(refusals_have_their_codes),
        HARNESS_TEST(files_are_not_emptied),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
