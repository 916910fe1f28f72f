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
#include <unistd.h>

#include "carry.h"
#include "talk.h"

#define FIRST_PORT 5900
#define RFB "RFB 003.008\n"

/* RFC 6143, 7.1.2. */
typedef enum { RFB_NO_PASSWORD = 1, RFB_PASSWORD = 2 } RfbSecurity;

/* Shakes hands as a viewer; FD is closed. */
static void
expect_viewer(int fd, RfbSecurity expected)
{
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    unsigned char types[2];

    talk_await(fd, RFB);
    talk_say(fd, RFB);
    assert_int_equal(qmp_wait_poll(&wait, fd, POLLIN), QMP_WAIT_READY);
    assert_int_equal(read(fd, types, sizeof(types)), sizeof(types)); /* their number, and the one */
    assert_int_equal(types[0], 1);
    assert_int_equal(types[1], expected);
    close(fd);
}

/* A display whose port is free. */
static guint16
free_display(void)
{
    for (guint16 display = 100; display < 200; display++)
        if (!talk_can_connect_tcp(AF_INET, (guint16)(FIRST_PORT + display)))
            return display;
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

    expect_viewer(talk_connect_unix(path), RFB_PASSWORD);
    carry_roll_back(guest);
    expect_viewer(talk_connect_unix(path), RFB_PASSWORD);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_viewer(talk_connect_unix(path), RFB_PASSWORD);
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

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(viewers_find_the_port),
        HARNESS_TEST(password_is_asked_for_at_the_same_path),
        HARNESS_TEST(port_that_was_found_in_a_range_stays),
        HARNESS_TEST(websockets_are_refused),
        HARNESS_TEST(spice_is_refused),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
