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
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "operator.h"
#include "scene.h"
#include "talk.h"
#include "terminal.h"

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
    scene_crash_at(scene, point);
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
take_port(guint16 wanted)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wanted), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    assert_true(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* An upgrade; port WANTED is taken as the new QEMU is about to open it. RET_THIEF has it. */
static HarnessReply *
upgrade_with_port_taken(Scene *scene, guint16 wanted, int *ret_thief)
{
    Program *upgrade = scene_begin_at(scene, "confirm.reopen:before", NULL);

    *ret_thief = take_port(wanted);
    scene_continue_engine(scene);
    HarnessReply *reply = moult_finish(upgrade);
    assert_status(reply, EXIT_DONE); /* the guest has moved; what is not open is a warning */
    return reply;
}

static void
finish_moved(Scene *scene)
{
    scene->build = scene_other_build(scene);
    harness_guest_look_up(scene->guest);
    harness_guest_check(scene->guest);
    scene_finish(scene);
}

static void
port_that_somebody_has_taken(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_scene();
    int thief = -1;
    g_autoptr(HarnessReply) reply = upgrade_with_port_taken(scene, port, &thief);

    assert_string_equal(qmp_json_get_string(reply_result(reply), "outcome"), "upgraded");
    if (!strstr(reply->text, "port tcp:127.0.0.1") || !strstr(reply->text, "(reopen)"))
        fail_msg("nothing is said of the port: %s", reply->text);
    close(thief);
    scene_start_engine(scene, NULL);
    expect_open(scene);
    finish_moved(scene);
}

/* Another port than that of the definition is forwarded. */
static Scene *
make_scene_of_now(guint16 *ret_gone)
{
    Scene *scene = make_scene();

    *ret_gone = port;
    port = talk_free_port(SOCK_STREAM);
    g_autofree char *commands = g_strdup_printf("human-monitor-command {\"command-line\":\"hostfwd_remove tcp:127.0.0.1:%u\"}\n"
                                                "human-monitor-command {\"command-line\":\"hostfwd_add tcp:127.0.0.1:%u-:22\"}",
                                                *ret_gone, port);
    operator_say(scene->guest, commands);
    return scene;
}

/* Whichever QEMU has the guest after the death of an engine. */
static void
ports_of_now_are_opened_by_the_next_engine(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *point;
        SceneEnd end;
    } cases[] = {{"prepare.connect:after", SCENE_OLD}, {"perform.migrate:before", SCENE_OLD}, {"finish.prove:after", SCENE_NEW},
                 {"confirm.reopen:before", SCENE_NEW}, {"confirm.reopen:after", SCENE_NEW}};
    guint16 gone = 0;
    Scene *scene = make_scene_of_now(&gone);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        scene_crash_at(scene, cases[i].point);
        scene_start_engine(scene, NULL);
        expect_open(scene);
        assert_false(talk_can_connect_tcp(AF_INET, gone));
        scene_check(scene, cases[i].end, cases[i].point); /* with one more upgrade */
        expect_open(scene);
        assert_false(talk_can_connect_tcp(AF_INET, gone));
    }
    scene_finish(scene);
}

/* One that could not be opened in an upgrade is not forgotten by the next one, though the monitor does not tell of it. */
static void
port_of_now_that_somebody_has_taken(void **state G_GNUC_UNUSED)
{
    guint16 gone = 0;
    Scene *scene = make_scene_of_now(&gone);
    int thief = -1;
    g_autoptr(HarnessReply) reply = upgrade_with_port_taken(scene, port, &thief);

    if (!strstr(reply->text, "port tcp:127.0.0.1") || !strstr(reply->text, "(reopen)"))
        fail_msg("nothing is said of the port: %s", reply->text);
    scene_start_engine(scene, NULL);
    g_autoptr(HarnessReply) back =
        moult(scene->engine, "upgrade", scene->guest->name, "--to", harness_build(scene->build), "--json", NULL);
    assert_status(back, EXIT_DONE);
    close(thief);
    scene_start_engine(scene, NULL);
    harness_guest_look_up(scene->guest);
    expect_open(scene);
    assert_false(talk_can_connect_tcp(AF_INET, gone));
    harness_guest_check(scene->guest);
    scene_finish(scene);
}

static void
expect_no_placeholder(Scene *scene)
{
    operator_expect(scene->guest, "human-monitor-command", "{\"command-line\":\"info network\"}", "moult-gone", false);
    operator_expect(scene->guest, "human-monitor-command", "{\"command-line\":\"info network\"}", "n1: ", true);
    operator_expect(scene->guest, "human-monitor-command", "{\"command-line\":\"info network\"}", "n0: ", false);
}

/* What keeps the number of a network that is gone is not for the guest to keep. */
static void
placeholder_is_removed_by_the_next_engine(void **state G_GNUC_UNUSED)
{
    static const char *const points[] = {"confirm.reopen:before", "confirm.reopen:after"};
    Scene *scene = scene_new(carry_spec_tiny("-netdev user,id=n0 -netdev user,id=n1 -device e1000,netdev=n1"));

    harness_guest_upgrade(scene->guest, BUILD_SECOND); /* which numbers them; and to which the scene goes again */
    operator_say(scene->guest, "netdev_del {\"id\":\"n0\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        scene_crash_at(scene, points[i]);
        scene_start_engine(scene, NULL);
        harness_guest_look_up(scene->guest);
        expect_no_placeholder(scene);
        harness_guest_check(scene->guest);
        harness_guest_upgrade(scene->guest, BUILD_SECOND);
        expect_no_placeholder(scene);
    }
    scene_finish(scene);
}

#define FIRST_PORT 5900

/* What the two QEMUs take turns at: VNC with a websocket at another port, and SPICE. */
static guint16 vnc_port, web_port, spice_port;

static guint16
free_vnc_port(void)
{
    guint16 found;

    do
        found = talk_free_port(SOCK_STREAM);
    while (found < FIRST_PORT);
    return found;
}

static Scene *
make_scene_of_turns(void)
{
    vnc_port = free_vnc_port();
    web_port = talk_free_port(SOCK_STREAM);
    spice_port = talk_free_port(SOCK_STREAM);
    return scene_new(carry_spec_tiny("-vga std -vnc 127.0.0.1:%u,websocket=%u -spice addr=127.0.0.1,port=%u,disable-ticketing=on",
                                     (unsigned)(vnc_port - FIRST_PORT), (unsigned)web_port, (unsigned)spice_port));
}

static void
expect_turns_open(const Scene *scene G_GNUC_UNUSED)
{
    int fd = talk_connect_tcp(AF_INET, vnc_port);

    talk_await(fd, "RFB 003.");
    close(fd);
    assert_true(talk_can_connect_tcp(AF_INET, web_port));
    assert_true(talk_can_connect_tcp(AF_INET, spice_port));
}

/* Kills the engine at every point that matters, and has the next one look after it. */
static void
kill_engines(Scene *scene, void (*expect)(const Scene *scene))
{
    static const struct {
        const char *point;
        SceneEnd end;
    } cases[] = {
        {"prepare.handover:after", SCENE_OLD}, {"prepare.start:before", SCENE_OLD},   {"prepare.start:after", SCENE_OLD},
        {"prepare.connect:after", SCENE_OLD},  {"perform.migrate:before", SCENE_OLD}, {"finish.prove:after", SCENE_NEW},
        {"confirm.retire:after", SCENE_NEW},   {"confirm.reopen:before", SCENE_NEW},  {"confirm.reopen:after", SCENE_NEW},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        scene_crash_at(scene, cases[i].point);
        scene_start_engine(scene, NULL);
        expect(scene);
        scene_check(scene, cases[i].end, cases[i].point);
        expect(scene);
    }
    scene_finish(scene);
}

static void
whoever_has_the_guest_listens(void **state G_GNUC_UNUSED)
{
    kill_engines(make_scene_of_turns(), expect_turns_open);
}

/* And nothing is beside it that begins like it. */
static void
expect_path_open(const Scene *scene, const char *name)
{
    g_autofree char *path = g_build_filename(scene->engine->folder, name, NULL);
    g_autoptr(GDir) dir = g_dir_open(scene->engine->folder, 0, NULL);
    const char *entry;

    close(talk_connect_unix(path));
    while ((entry = g_dir_read_name(dir)))
        if (g_str_has_prefix(entry, name) && strcmp(entry, name) != 0)
            fail_msg("“%s” was left", entry);
}

static void
expect_spice_open(const Scene *scene)
{
    expect_path_open(scene, "spice.sock");
}

static void
expect_displays_open(const Scene *scene)
{
    expect_path_open(scene, "one.vnc");
    expect_path_open(scene, "two.vnc");
}

static void
whoever_has_the_guest_has_the_path(void **state G_GNUC_UNUSED)
{
    kill_engines(scene_new(carry_spec_tiny("-vga std -spice unix=on,addr=@folder@/spice.sock,disable-ticketing=on")),
                 expect_spice_open);
}

static void
whoever_has_the_guest_has_the_displays(void **state G_GNUC_UNUSED)
{
    kill_engines(scene_new(carry_spec_tiny("-vga std -vnc unix:@folder@/one.vnc -vnc unix:@folder@/two.vnc")), expect_displays_open);
}

static bool
has_caller(int listener)
{
    struct pollfd polled = {.fd = listener, .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

static int
accept_display(int listener)
{
    int viewer = talk_accept(listener);

    talk_await(viewer, "RFB 003.");
    return viewer;
}

/* QEMU has gone, and the next one calls. */
static int
follow(int viewer, int listener)
{
    talk_await_end(viewer);
    close(viewer);
    return accept_display(listener);
}

static Scene *
make_scene_of_viewer(void)
{
    return scene_new(carry_spec_tiny("-vga std -vnc 127.0.0.1:%u,reverse=on", port));
}

/* QEMU connects to a viewer: once, whoever of the engines sees to it. */
static void
viewer_is_connected_to_once(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *point;
        SceneEnd end;
    } cases[] = {{"prepare.connect:after", SCENE_OLD}, {"confirm.reopen:before", SCENE_NEW}, {"confirm.reopen:after", SCENE_NEW}};
    int listener = talk_listen_tcp(&port);
    Scene *scene = make_scene_of_viewer();
    int viewer = accept_display(listener);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        scene_start_engine(scene, "MOULT_CRASH_POINT", cases[i].point, NULL);
        Program *upgrade = scene_start_upgrade(scene, NULL);
        scene_await_crash(scene);
        g_autoptr(HarnessReply) reply = moult_finish(upgrade);
        scene_start_engine(scene, NULL);
        if (cases[i].end == SCENE_NEW)
            viewer = follow(viewer, listener);
        assert_false(has_caller(listener));
        scene_check(scene, cases[i].end, cases[i].point); /* with one more upgrade */
        viewer = follow(viewer, listener);
        assert_false(has_caller(listener));
    }
    scene_finish(scene);
    close(viewer);
    close(listener);
}

/* The next engine tries what this one could not, and with the same socket. */
static void
viewer_that_listens_no_more(void **state G_GNUC_UNUSED)
{
    int listener = talk_listen_tcp(&port);
    Scene *scene = make_scene_of_viewer();
    int viewer = accept_display(listener);

    close(listener);
    Program *upgrade = scene_begin_at(scene, "confirm.reopen:before", NULL);
    scene_continue_engine(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_status(reply, EXIT_DONE);
    if (!strstr(reply->text, "the connection to the VNC viewer at 127.0.0.1") || !strstr(reply->text, "(reopen)"))
        fail_msg("nothing is said of the viewer: %s", reply->text);
    talk_await_end(viewer);
    close(viewer);
    listener = take_port(port);
    scene_start_engine(scene, NULL);
    close(accept_display(listener));
    finish_moved(scene);
    close(listener);
}

static char *terminal_name;

static void
expect_terminal(const Scene *scene)
{
    g_autofree char *name = terminal_dup_name(scene->guest, "serial1");

    assert_string_equal(name, terminal_name);
    close(terminal_open(name));
}

/* Nobody else gets its number meanwhile, whoever of the engines opens it; and numbers below are free. */
static void
terminal_keeps_its_name(void **state G_GNUC_UNUSED)
{
    terminal_have_own_numbers();
    int *below = terminal_fill_below("/dev/pts/20");
    Scene *scene = scene_new(carry_spec_tiny("-serial pty"));

    terminal_name = terminal_dup_name(scene->guest, "serial1");
    terminal_close_all(below);
    kill_engines(scene, expect_terminal);
    g_clear_pointer(&terminal_name, g_free);
}

/* A client that is connected while there is no engine does not keep it from its name: it is hung up by the next one, and leaves. */
static void
terminal_is_reserved_while_there_is_no_engine(void **state G_GNUC_UNUSED)
{
    terminal_have_own_numbers();
    Scene *scene = scene_new(carry_spec_tiny("-serial pty"));

    terminal_name = terminal_dup_name(scene->guest, "serial1");
    scene_crash_at(scene, "confirm.reopen:before");
    int *below = terminal_fill_below(terminal_name); /* goes beyond it: it is taken */
    for (int *fd = below; *fd >= 0; fd++) {
        unsigned number = 0;
        g_autofree char *name = ioctl(*fd, TIOCGPTN, &number) == 0 ? g_strdup_printf("/dev/pts/%u", number) : NULL;
        assert_string_not_equal(name, terminal_name);
    }
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_NEW, "confirm.reopen:before");
    expect_terminal(scene);
    terminal_close_all(below);
    scene_finish(scene);
    g_clear_pointer(&terminal_name, g_free);
}

/* The next engine tries what this one could not. */
static void
expect_turns_open_later(Scene *scene, int thief)
{
    close(thief);
    scene_start_engine(scene, NULL);
    expect_turns_open(scene);
}

static void
turn_that_somebody_has_taken_from_the_new_one(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_scene_of_turns();
    int thief = -1;
    g_autoptr(HarnessReply) reply = upgrade_with_port_taken(scene, web_port, &thief);

    if (!strstr(reply->text, "websocket"))
        fail_msg("nothing is said of the port: %s", reply->text);
    assert_true(talk_can_connect_tcp(AF_INET, vnc_port)); /* the others do not wait for it */
    assert_true(talk_can_connect_tcp(AF_INET, spice_port));
    expect_turns_open_later(scene, thief);
    finish_moved(scene);
}

/* The target dies as it listens: for a moment nobody does. */
static void
turn_that_somebody_has_taken_from_the_old_one(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_scene_of_turns();

    Program *upgrade = scene_begin_at(scene, "prepare.connect:before", NULL);
    scene_kill(scene, scene_find_target(scene));
    int thief = take_port(web_port);
    scene_continue_engine(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", NULL);
    if (!strstr(reply->text, "(listening)"))
        fail_msg("nothing is said of the port: %s", reply->text);
    assert_true(talk_can_connect_tcp(AF_INET, vnc_port));
    assert_true(talk_can_connect_tcp(AF_INET, spice_port));
    expect_turns_open_later(scene, thief);
    harness_guest_check(scene->guest);
    scene_finish(scene);
}

/* The same with a path: what somebody listens at is not replaced. */
static void
path_that_somebody_has_taken_from_the_old_one(void **state G_GNUC_UNUSED)
{
    Scene *scene = scene_new(carry_spec_tiny("-vga std -spice unix=on,addr=@folder@/spice.sock,disable-ticketing=on"));
    g_autofree char *path = g_build_filename(scene->engine->folder, "spice.sock", NULL);
    struct stat before, after;

    Program *upgrade = scene_begin_at(scene, "prepare.connect:before", NULL);
    scene_kill(scene, scene_find_target(scene));
    unlink(path); /* it may not have got so far */
    int thief = talk_listen_unix(path);
    assert_int_equal(stat(path, &before), 0);
    scene_continue_engine(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", NULL);
    if (!strstr(reply->text, "(listening)"))
        fail_msg("nothing is said of the path: %s", reply->text);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    close(thief);
    scene_start_engine(scene, NULL);
    expect_spice_open(scene);
    scene_check(scene, SCENE_OLD, "a path that was taken");
    scene_finish(scene);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(ports_are_opened_by_the_next_engine),
        HARNESS_TEST(ports_that_are_open_are_no_trouble),
        HARNESS_TEST(port_that_somebody_has_taken),
        HARNESS_TEST(ports_of_now_are_opened_by_the_next_engine),
        HARNESS_TEST(port_of_now_that_somebody_has_taken),
        HARNESS_TEST(placeholder_is_removed_by_the_next_engine),
        HARNESS_TEST(whoever_has_the_guest_listens),
        HARNESS_TEST(whoever_has_the_guest_has_the_path),
        HARNESS_TEST(whoever_has_the_guest_has_the_displays),
        HARNESS_TEST(viewer_is_connected_to_once),
        HARNESS_TEST(viewer_that_listens_no_more),
        HARNESS_TEST(terminal_keeps_its_name),
        HARNESS_TEST(terminal_is_reserved_while_there_is_no_engine),
        HARNESS_TEST(turn_that_somebody_has_taken_from_the_new_one),
        HARNESS_TEST(turn_that_somebody_has_taken_from_the_old_one),
        HARNESS_TEST(path_that_somebody_has_taken_from_the_old_one),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
