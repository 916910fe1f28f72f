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

static void
websockets_are_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec_tiny("-vga std -vnc 127.0.0.1:%u,websocket=on", free_display()));

    carry_expect_refusal(guest, "display-vnc-websocket");
    harness_engine_finish(engine);
}

static void
spice_is_refused(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec_tiny("-vga std -spice addr=127.0.0.1,port=%u,disable-ticketing=on",
                                          talk_free_port(SOCK_STREAM)));

    carry_expect_refusal(guest, "display-spice");
    harness_engine_finish(engine);
}

/* Clients are given to it. The other build comes without SPICE. */
static void
spice_that_listens_nowhere_goes_along(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED,
                                            carry_spec_tiny("-vga std -spice disable-ticketing=on,port=0"));
    const char *again = harness_script(engine, "again", "exec %s \"$@\"\n", harness_build(BUILD_INSTALLED));
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", guest->name, "--to", again, "--json", NULL);

    harness_guest_take_upgrade(guest, reply, BUILD_INSTALLED);
    harness_guest_check(guest);
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
        HARNESS_TEST(websockets_are_refused),
        HARNESS_TEST(spice_is_refused),
        HARNESS_TEST(spice_that_listens_nowhere_goes_along),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
