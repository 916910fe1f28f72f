/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Displays through upgrades and rollbacks: a viewer that connects again finds the screen where it was, behind
 * the same door.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "talk.h"

#define FIRST_PORT 5900
#define RFB "RFB 003.008\n"

/* RFC 6143, 7.1.2; VeNCrypt is TLS, and what is said within it is a type of its own. */
typedef enum { RFB_NO_PASSWORD = 1, RFB_PASSWORD = 2, RFB_VENCRYPT = 19 } RfbSecurity;

static void
expect_bytes(int fd, const void *expected, size_t length)
{
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    unsigned char bytes[16];
    size_t done = 0;

    assert_true(length <= sizeof(bytes));
    while (done < length) {
        assert_int_equal(qmp_wait_poll(&wait, fd, POLLIN), QMP_WAIT_READY);
        ssize_t n = read(fd, bytes + done, length - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    assert_memory_equal(bytes, expected, length);
}

static void
choose(int fd, const void *bytes, size_t length)
{
    assert_int_equal(write(fd, bytes, length), length);
}

/* Shakes hands as a viewer, up to the one type that is offered. */
static void
expect_security(int fd, RfbSecurity expected)
{
    const unsigned char offer[] = {1, (unsigned char)expected}; /* their number, and the one */

    talk_await(fd, RFB);
    talk_say(fd, RFB);
    expect_bytes(fd, offer, sizeof(offer));
}

/* FD is closed. */
static void
expect_viewer(int fd, RfbSecurity expected)
{
    expect_security(fd, expected);
    close(fd);
}

/* VeNCrypt 0.2, and nothing but a VNC password within anonymous TLS (258), which QEMU makes ready; FD is closed. */
static void
expect_tls_viewer(int fd)
{
    static const unsigned char vencrypt[] = {RFB_VENCRYPT}, version[] = {0, 2}, type[] = {0, 0, 1, 2};
    static const unsigned char offer[] = {0, 1, 0, 0, 1, 2}, ready[] = {1};

    expect_security(fd, RFB_VENCRYPT);
    choose(fd, vencrypt, sizeof(vencrypt));
    expect_bytes(fd, version, sizeof(version));
    choose(fd, version, sizeof(version));
    expect_bytes(fd, offer, sizeof(offer));
    choose(fd, type, sizeof(type));
    expect_bytes(fd, ready, sizeof(ready));
    close(fd);
}

/* A display whose port is free; another process begins to look elsewhere. */
static guint16
free_display(void)
{
    enum { FIRST = 100, N = 1000 };

    for (int i = 0; i < N; i++) {
        guint16 display = (guint16)(FIRST + (getpid() * 10 + i) % N);
        if (!talk_can_connect_tcp(AF_INET, (guint16)(FIRST_PORT + display)))
            return display;
    }
    fail_msg("no display is free");
    return 0;
}

static void
viewers_find_the_port(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 display = free_display(), port = (guint16)(FIRST_PORT + display);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec("-vga std -vnc 127.0.0.1:%u", display));
    int viewer = talk_connect_tcp(AF_INET, port);

    talk_await(viewer, RFB);
    carry_roll_back(guest);
    talk_say(viewer, RFB); /* still connected */
    expect_viewer(talk_connect_tcp(AF_INET, port), RFB_NO_PASSWORD);
    harness_guest_upgrade(guest, BUILD_SECOND);
    talk_await_end(viewer);
    close(viewer);
    expect_viewer(talk_connect_tcp(AF_INET, port), RFB_NO_PASSWORD);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_viewer(talk_connect_tcp(AF_INET, port), RFB_NO_PASSWORD);
    harness_engine_finish(engine);
}

static void
password_is_asked_for_at_the_same_path(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec("-vga std -object secret,id=pw,data=letmein "
                                     "-display vnc=unix:@folder@/vnc.sock,password-secret=pw"));
    g_autofree char *path = carry_path(guest, "vnc.sock");
    struct stat before, after;

    expect_viewer(talk_connect_unix(path), RFB_PASSWORD);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(stat(path, &before), 0);
    carry_roll_back(guest);
    expect_viewer(talk_connect_unix(path), RFB_PASSWORD);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_viewer(talk_connect_unix(path), RFB_PASSWORD);
    assert_int_equal(stat(path, &after), 0); /* it is the very socket: who may connect is who might before */
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_mode, before.st_mode);
    harness_engine_finish(engine);
}

static void
port_that_was_found_in_a_range_stays(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 first = free_display();
    HarnessGuest *holder = harness_guest_run(engine, "holder", BUILD_INSTALLED,
                                             carry_spec_tiny("-vga std -vnc 127.0.0.1:%u", first));
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec_tiny("-vga std -vnc 127.0.0.1:%u,to=%u", first, first + 20U));
    guint16 port = (guint16)(FIRST_PORT + first + 1);

    while (!talk_can_connect_tcp(AF_INET, port))
        assert_true(++port < FIRST_PORT + first + 20);
    g_autoptr(HarnessReply) stopped = moult(engine, "stop", holder->name, "--force", "--json", NULL);
    assert_status(stopped, EXIT_DONE);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_viewer(talk_connect_tcp(AF_INET, port), RFB_NO_PASSWORD);
    assert_false(talk_can_connect_tcp(AF_INET, (guint16)(FIRST_PORT + first)));
    harness_engine_finish(engine);
}

#define DH_PARAMETERS /* RFC 7919, ffdhe2048: QEMU takes seconds to find some of its own */                            \
    "-----BEGIN DH PARAMETERS-----\n"                                                                                  \
    "MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz\n"                                               \
    "+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a\n"                                               \
    "87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7\n"                                               \
    "YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi\n"                                               \
    "7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD\n"                                               \
    "ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==\n"                                                                       \
    "-----END DH PARAMETERS-----\n"

/* A guest whose VNC is at DISPLAY, behind TLS and a password. */
static HarnessGuest *
run_locked(HarnessEngine *engine, guint16 display)
{
    g_autofree char *path = g_build_filename(engine->folder, "dh-params.pem", NULL);

    assert_true(g_file_set_contents(path, DH_PARAMETERS, -1, NULL));
    return harness_guest_run(engine, "guest", BUILD_INSTALLED,
                             carry_spec_tiny("-vga std -object tls-creds-anon,id=tls,endpoint=server,dir=@folder@ "
                                             "-object secret,id=pw,data=letmein "
                                             "-vnc 127.0.0.1:%u,tls-creds=tls,password-secret=pw",
                                             display));
}

/* ADDRESSES: QEMU's SocketAddress, with commas between them. */
static void
move_vnc(HarnessGuest *guest, const char *addresses)
{
    g_autofree char *arguments = g_strdup_printf("{\"type\":\"vnc\",\"addresses\":[%s]}", addresses);

    harness_guest_qmp_with(guest, "display-update", arguments);
}

static void
address_of_now_goes_along_and_so_do_its_locks(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 display = free_display(), port = (guint16)(FIRST_PORT + display);
    HarnessGuest *guest = run_locked(engine, display);
    g_autofree char *path = carry_path(guest, "now.sock");
    g_autofree char *here = g_strdup_printf("{\"type\":\"unix\",\"path\":\"%s\"}", path);
    g_autofree char *there = g_strdup_printf("{\"type\":\"inet\",\"host\":\"127.0.0.1\",\"port\":\"%u\"}", port);
    g_autofree char *both = g_strdup_printf("%s,%s", here, there);

    expect_tls_viewer(talk_connect_tcp(AF_INET, port));
    move_vnc(guest, both);
    carry_expect_refusal(guest, "display-vnc-now");
    move_vnc(guest, here);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_tls_viewer(talk_connect_unix(path));
    assert_false(talk_can_connect_tcp(AF_INET, port));
    move_vnc(guest, "");
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    assert_false(talk_can_connect_tcp(AF_INET, port));
    move_vnc(guest, there);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_tls_viewer(talk_connect_tcp(AF_INET, port));
    harness_engine_finish(engine);
}

#define FIRST_WEBSOCKET_PORT 5700

/* RFC 6455, 1.3 and 5.2: the answer ends in an empty line, and a frame of 12 bytes follows. FD is closed. */
static void
expect_websocket(int fd)
{
    talk_say(fd, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Protocol: binary\r\n\r\n");
    talk_await(fd, "\r\n\r\n\x82\x0c" RFB);
    close(fd);
}

static void
viewers_find_the_websocket(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 display = free_display(), port = (guint16)(FIRST_PORT + display), web = (guint16)(FIRST_WEBSOCKET_PORT + display);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec("-vga std -vnc :%u,websocket=on", display));
    int viewer = talk_connect_tcp(AF_INET, port);

    talk_await(viewer, RFB);
    carry_expect_rows(guest, "OK display-vnc-websocket");
    expect_websocket(talk_connect_tcp(AF_INET6, web));
    carry_roll_back(guest);
    talk_say(viewer, RFB); /* still connected */
    expect_viewer(talk_connect_tcp(AF_INET, port), RFB_NO_PASSWORD);
    expect_websocket(talk_connect_tcp(AF_INET, web));
    for (HarnessBuild build = BUILD_SECOND;; build = BUILD_INSTALLED) {
        harness_guest_upgrade(guest, build);
        expect_websocket(talk_connect_tcp(AF_INET, web));
        expect_websocket(talk_connect_tcp(AF_INET6, web));
        expect_viewer(talk_connect_tcp(AF_INET, port), RFB_NO_PASSWORD);
        if (build == BUILD_INSTALLED)
            break;
    }
    talk_await_end(viewer);
    close(viewer);
    harness_engine_finish(engine);
}

static void
several_displays_stay(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 first = free_display(), second = (guint16)(first + 1);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-vga std -vnc 127.0.0.1:%u,id=a -object secret,id=pw,data=letmein "
                        "-vnc 127.0.0.1:%u,id=b,websocket=%u,password-secret=pw",
                        first, second, FIRST_PORT + second + 1U));
    g_autofree char *elsewhere =
        g_strdup_printf("{\"type\":\"inet\",\"host\":\"127.0.0.1\",\"port\":\"%u\"}", FIRST_PORT + second + 2U);
    g_autofree char *back = g_strdup_printf("{\"type\":\"inet\",\"host\":\"127.0.0.1\",\"port\":\"%u\"}", (unsigned)FIRST_PORT + first);

    carry_expect_rows(guest, "OK display-vnc-several,OK display-vnc-websocket,OK display-vnc-password");
    move_vnc(guest, elsewhere);
    carry_expect_refusal(guest, "display-vnc-now");
    move_vnc(guest, back);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_viewer(talk_connect_tcp(AF_INET, (guint16)(FIRST_PORT + first)), RFB_NO_PASSWORD);
    expect_viewer(talk_connect_tcp(AF_INET, (guint16)(FIRST_PORT + second)), RFB_PASSWORD);
    expect_websocket(talk_connect_tcp(AF_INET, (guint16)(FIRST_PORT + second + 1)));
    harness_engine_finish(engine);
}

/* Nothing is beside PATH that begins like it. */
static void
expect_alone(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path), *name = g_path_get_basename(path);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *entry;

    while ((entry = g_dir_read_name(dir)))
        if (g_str_has_prefix(entry, name) && strcmp(entry, name) != 0)
            fail_msg("“%s” was left", entry);
}

/* Each name goes from one QEMU's socket to the other's; a websocket's port goes with one of them. */
static void
several_displays_at_paths_stay(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 display = free_display(), web = (guint16)(FIRST_WEBSOCKET_PORT + display);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec("-vga std -vnc unix:@folder@/one.sock,id=a -vnc 127.0.0.1:%u,id=b "
                                     "-vnc unix:@folder@/two.sock,id=c,websocket=127.0.0.1:%u",
                                     display, web));
    g_autofree char *one = carry_path(guest, "one.sock"), *two = carry_path(guest, "two.sock");
    struct stat before, after;
    int viewer = talk_connect_unix(one);

    talk_await(viewer, RFB);
    carry_expect_rows(guest, "OK display-vnc-several,OK display-vnc-websocket");
    assert_int_equal(chmod(one, 0620), 0);
    assert_int_equal(stat(one, &before), 0);
    carry_roll_back(guest);
    talk_say(viewer, RFB); /* still connected */
    assert_int_equal(stat(one, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    for (HarnessBuild build = BUILD_SECOND;; build = BUILD_INSTALLED) {
        harness_guest_upgrade(guest, build);
        expect_viewer(talk_connect_unix(one), RFB_NO_PASSWORD);
        expect_viewer(talk_connect_unix(two), RFB_NO_PASSWORD);
        expect_viewer(talk_connect_tcp(AF_INET, (guint16)(FIRST_PORT + display)), RFB_NO_PASSWORD);
        expect_websocket(talk_connect_tcp(AF_INET, web));
        assert_int_equal(stat(one, &after), 0);
        assert_int_equal(after.st_mode, before.st_mode);
        if (build == BUILD_INSTALLED)
            break;
    }
    talk_await_end(viewer);
    close(viewer);
    expect_alone(one);
    expect_alone(two);
    harness_engine_finish(engine);
}

/* OPTIONS: with a socket in the folder "anybody", which is that. */
static void
expect_path_refusal(const char *options, const char *code)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *folder = g_build_filename(engine->folder, "anybody", NULL);

    assert_int_equal(mkdir(folder, 0700) | chmod(folder, 0777), 0);
    carry_expect_refusal(harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-vga std %s", options)), code);
    harness_engine_finish(engine);
}

static void
displays_at_a_path_of_somebody_else_are_refused(void **state)
{
    (void)state;
    expect_path_refusal("-vnc unix:@folder@/one.sock -vnc unix:@folder@/anybody/two.sock", "display-vnc-several");
}

static void
expect_nobody(int listener)
{
    struct pollfd polled = {.fd = listener, .events = POLLIN};

    assert_int_equal(poll(&polled, 1, 0), 0);
}

/* It listens, and QEMU connects. */
static void
viewer_that_listens_is_connected_to_again(void **state)
{
    (void)state;
    static const unsigned char no_password[] = {RFB_NO_PASSWORD}, accepted[] = {0, 0, 0, 0};
    guint16 port;
    int listener = talk_listen_tcp(&port);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec("-vga std -vnc localhost:%u,reverse=on", port));
    int viewer = talk_accept(listener);

    expect_security(viewer, RFB_NO_PASSWORD);
    carry_expect_rows(guest, "OK display-vnc-reverse");
    carry_roll_back(guest);
    choose(viewer, no_password, sizeof(no_password)); /* still connected, and nobody else is */
    expect_bytes(viewer, accepted, sizeof(accepted));
    expect_nobody(listener);
    for (HarnessBuild build = BUILD_SECOND;; build = BUILD_INSTALLED) {
        harness_guest_upgrade(guest, build);
        talk_await_end(viewer);
        close(viewer);
        viewer = talk_accept(listener);
        expect_security(viewer, RFB_NO_PASSWORD);
        expect_nobody(listener);
        if (build == BUILD_INSTALLED)
            break;
    }
    close(viewer);
    harness_guest_upgrade(guest, BUILD_SECOND); /* its viewer has gone, and comes no more */
    expect_nobody(listener);
    harness_engine_finish(engine);
    close(listener);
}

static void
display_that_listens_where_it_connected_is_told(void **state)
{
    (void)state;
    guint16 port;
    int listener = talk_listen_tcp(&port);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-vga std -display vnc=127.0.0.1:%u,reverse=on", port));
    g_autofree char *path = carry_path(guest, "now.sock");
    g_autofree char *here = g_strdup_printf("{\"type\":\"unix\",\"path\":\"%s\"}", path);
    int viewer = talk_accept(listener);

    move_vnc(guest, here);
    carry_expect_refusal(guest, "display-vnc-now");
    move_vnc(guest, "");
    carry_expect_rows(guest, "OK display-vnc-reverse");
    harness_engine_finish(engine);
    close(viewer);
    close(listener);
}

/* A client's first message asks for the main channel, and the server's answer begins with the protocol's name. FD is closed. */
static void
expect_spice(int fd)
{
    static const unsigned char link[] = {'R', 'E', 'D', 'Q', 2, 0, 0, 0, 2, 0, 0, 0, 18, 0, 0, 0, /* version 2.2, 18 bytes */
                                         0,   0,   0,   0,   1, 0, 0, 0, 0, 0, 0, 0, 0,  0, 18, 0, 0, 0};

    choose(fd, link, sizeof(link));
    expect_bytes(fd, "REDQ", 4);
    close(fd);
}

/* With a QXL card, whose memory and rings SPICE works on, and what an agent in the guest would speak through. */
static void
spice_clients_find_the_port(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec("-vga qxl -spice addr=127.0.0.1,port=%u,disable-ticketing=on -device virtio-serial-pci "
                   "-chardev spicevmc,id=agent,name=vdagent -device virtserialport,chardev=agent,name=com.redhat.spice.0 "
                   "-chardev spiceport,id=port,name=org.moult.0 -device virtserialport,chardev=port",
                   port));
    int client = talk_connect_tcp(AF_INET, port);

    carry_expect_rows(guest, "OK display-spice,OK chardev-spice");
    carry_roll_back(guest);
    expect_spice(client); /* still connected */
    expect_spice(talk_connect_tcp(AF_INET, port));
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_spice(talk_connect_tcp(AF_INET, port));
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_spice(talk_connect_tcp(AF_INET, port));
    harness_guest_check_disk(guest);
    harness_engine_finish(engine);
}

static void
spice_with_a_password_of_now_is_told(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-vga std -spice port=%u", talk_free_port(SOCK_STREAM)));

    carry_expect_rows(guest, "OK display-spice,WARN display-spice-password");
    harness_engine_finish(engine);
}

/* The name is what stays; and who may connect is who might before. */
static void
spice_clients_find_the_path(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec("-vga std -spice unix=on,addr=@folder@/spice.sock,disable-ticketing=on"));
    g_autofree char *path = carry_path(guest, "spice.sock");
    struct stat before, rolled_back, after;
    int client = talk_connect_unix(path);

    carry_expect_rows(guest, "OK display-spice");
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(stat(path, &before), 0);
    carry_roll_back(guest);
    expect_spice(client); /* still connected */
    expect_spice(talk_connect_unix(path));
    assert_int_equal(stat(path, &rolled_back), 0);
    assert_int_equal(rolled_back.st_ino, before.st_ino);
    for (HarnessBuild build = BUILD_SECOND;; build = BUILD_INSTALLED) {
        harness_guest_upgrade(guest, build);
        expect_spice(talk_connect_unix(path));
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(after.st_mode, before.st_mode);
        if (build == BUILD_INSTALLED)
            break;
    }
    expect_alone(path);
    harness_engine_finish(engine);
}

static void
spice_at_a_path_of_somebody_else_is_refused(void **state)
{
    (void)state;
    expect_path_refusal("-spice unix=on,addr=@folder@/anybody/spice.sock,disable-ticketing=on", "display-spice");
}

/* QEMU still listens, at a socket that has lost its name; what has it now is not to be moved, let alone replaced. */
static void
spice_at_a_path_that_somebody_has_taken_is_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-vga std -spice unix=on,addr=@folder@/spice.sock,disable-ticketing=on"));
    g_autofree char *path = carry_path(guest, "spice.sock"), *away = carry_path(guest, "away.sock");
    struct stat before, after;

    assert_int_equal(rename(path, away), 0);
    int thief = talk_listen_unix(path);
    assert_int_equal(stat(path, &before), 0);
    carry_expect_refusal(guest, "display-spice");
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    close(thief);
    carry_expect_refusal(guest, "display-spice"); /* nor does what is left of it lead to the guest */
    assert_int_equal(rename(away, path), 0);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_spice(talk_connect_unix(path));
    expect_alone(path);
    harness_engine_finish(engine);
}

/* The new QEMU ends before it is there: whoever connects finds the old one. */
static void
target_that_does_not_start_takes_nothing(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec_tiny("-vga std -spice addr=127.0.0.1,port=%u,disable-ticketing=on", port));
    const char *build = harness_script(
        engine, "fails",
        "case \" $* \" in *moult-monitor*' -incoming '*) set -- \"$@\" -device no-such-device ;; esac\nexec %s \"$@\"\n",
        harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", guest->name, "--to", build, "--json", NULL);

    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", NULL);
    harness_guest_check_untouched(guest);
    expect_spice(talk_connect_tcp(AF_INET, port));
    harness_engine_finish(engine);
}

/* Clients are given to it. */
static void
spice_that_listens_nowhere_goes_along(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-vga std -spice disable-ticketing=on"));

    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(viewers_find_the_port),
        HARNESS_TEST(password_is_asked_for_at_the_same_path),
        HARNESS_TEST(port_that_was_found_in_a_range_stays),
        HARNESS_TEST(address_of_now_goes_along_and_so_do_its_locks),
        HARNESS_TEST(viewers_find_the_websocket),
        HARNESS_TEST(several_displays_stay),
        HARNESS_TEST(several_displays_at_paths_stay),
        HARNESS_TEST(displays_at_a_path_of_somebody_else_are_refused),
        HARNESS_TEST(viewer_that_listens_is_connected_to_again),
        HARNESS_TEST(display_that_listens_where_it_connected_is_told),
        HARNESS_TEST(spice_clients_find_the_port),
        HARNESS_TEST(spice_with_a_password_of_now_is_told),
        HARNESS_TEST(spice_clients_find_the_path),
        HARNESS_TEST(spice_at_a_path_of_somebody_else_is_refused),
        HARNESS_TEST(spice_at_a_path_that_somebody_has_taken_is_refused),
        HARNESS_TEST(target_that_does_not_start_takes_nothing),
        HARNESS_TEST(spice_that_listens_nowhere_goes_along),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
