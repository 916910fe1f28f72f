/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ports that only one QEMU can hold are opened when the old one is gone: whoever dies then, and whoever takes one meanwhile,
 * they are open in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "scene.h"
#include "talk.h"

static guint16 port;

/* A port is forwarded, and VNC has its own. */
static Scene *
make_scene(void)
{
    port = talk_free_port(SOCK_STREAM);
    return scene_new(carry_spec_tiny("-netdev user,id=n0,hostfwd=tcp:127.0.0.1:%u-:22 -vnc unix:@folder@/vnc.sock", port));
}

static void
expect_open(Scene *scene)
{
    g_autofree char *path = g_build_filename(scene->engine->folder, "vnc.sock", NULL);
    int fd = talk_connect_unix(path);

    talk_await(fd, "RFB 003.");
    close(fd);
    assert_true(talk_can_connect_tcp(AF_INET, port));
}

/* Gives whether VNC has the very socket that it had. */
static bool
kill_engine_at(const char *point)
{
    Scene *scene = make_scene();
    g_autofree char *path = g_build_filename(scene->engine->folder, "vnc.sock", NULL);
    struct stat before, after;

    expect_open(scene);
    assert_int_equal(stat(path, &before), 0);
    scene_start_engine(scene, "MOULT_CRASH_POINT", point, NULL);
    Program *upgrade = scene_start_upgrade(scene, NULL);
    scene_await_crash(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_NEW, point);
    expect_open(scene);
    assert_int_equal(stat(path, &after), 0);
    scene_finish(scene);
    return after.st_ino == before.st_ino;
}

/* The new QEMU's monitor has kept the socket for it. */
static void
ports_are_opened_by_the_next_engine(void **state G_GNUC_UNUSED)
{
    assert_true(kill_engine_at("confirm.reopen:before"));
}

static void
ports_that_are_open_are_no_trouble(void **state G_GNUC_UNUSED)
{
    kill_engine_at("confirm.reopen:after");
}

static int
take_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    assert_true(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void
port_that_somebody_has_taken(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_scene();

    Program *upgrade = scene_begin_at(scene, "confirm.reopen:before", NULL);
    int thief = take_port();
    scene_continue_engine(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_status(reply, EXIT_DONE); /* the guest has moved; what is not open is a warning */
    assert_string_equal(qmp_json_get_string(reply_result(reply), "outcome"), "upgraded");
    if (!strstr(reply->text, "port tcp:127.0.0.1") || !strstr(reply->text, "(reopen)"))
        fail_msg("nothing is said of the port: %s", reply->text);
    close(thief);
    scene_start_engine(scene, NULL);
    expect_open(scene);
    scene->build = scene_other_build(scene);
    harness_guest_look_up(scene->guest);
    harness_guest_check(scene->guest);
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(ports_are_opened_by_the_next_engine),
        HARNESS_TEST(ports_that_are_open_are_no_trouble),
        HARNESS_TEST(port_that_somebody_has_taken),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
