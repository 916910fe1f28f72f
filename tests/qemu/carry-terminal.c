/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pseudo terminals through upgrades and rollbacks: /dev/pts/N is the guest's afterwards as it was before,
 * whatever numbers are free meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "harness.h"
#include "operator.h"
#include "talk.h"
#include "terminal.h"

#define SERIAL "serial1"

static const char *const labels[] = {SERIAL, "port", "console", "nobody"};

/* A serial port, a virtio port, a virtio console, and one that no device uses. */
static HarnessSpec *
make_spec(void)
{
    return carry_spec(
        "-serial pty -device virtio-serial-pci "
        "-chardev pty,id=port,logfile=@folder@/log -device virtserialport,chardev=port,name=port,nr=2 "
        "-chardev pty,id=console -device virtconsole,chardev=console,nr=1 -chardev pty,id=nobody");
}

typedef struct {
    char *name;
    struct stat status;
} Look;

static void
look_at(HarnessGuest *guest, Look *looks)
{
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++) {
        looks[i].name = terminal_dup_name(guest, labels[i]);
        if (stat(looks[i].name, &looks[i].status) < 0)
            fail_msg("%s: there is no “%s”", labels[i], looks[i].name);
    }
}

static void
clear(Look *looks)
{
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
        g_free(looks[i].name);
}

static void
expect_same(HarnessGuest *guest, const Look *before)
{
    Look after[G_N_ELEMENTS(labels)];

    look_at(guest, after);
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++) {
        assert_string_equal(after[i].name, before[i].name);
        assert_int_equal(after[i].status.st_mode, before[i].status.st_mode);
        assert_int_equal(after[i].status.st_uid, before[i].status.st_uid);
        assert_int_equal(after[i].status.st_gid, before[i].status.st_gid);
    }
    clear(after);
}

/* Both ways: it is typed, and it is shown. */
static void
expect_echoes(const Look *looks, const char *text)
{
    for (size_t i = 0; i < 3; i++) {
        int fd = terminal_open(looks[i].name);
        talk_expect_echo(fd, text);
        close(fd);
    }
}

static void
expect_in_log(const HarnessGuest *guest, const char *text)
{
    g_autofree char *path = carry_path(guest, "log"), *logged = NULL;

    assert_true(g_file_get_contents(path, &logged, NULL, NULL));
    if (!strstr(logged, text))
        fail_msg("“%s” is not in the log: %s", text, logged);
}

static void
terminals_have_their_names(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_spec());
    Look before[G_N_ELEMENTS(labels)];
    g_autofree char *serial = terminal_dup_name(guest, SERIAL);

    if (geteuid() == 0)
        assert_int_equal(chown(serial, 1, 2), 0);
    assert_int_equal(chmod(serial, 0620), 0);
    look_at(guest, before);
    expect_echoes(before, "one");
    carry_expect_rows(guest, "WARN chardev-pty");
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_same(guest, before);
    expect_echoes(before, "two");
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_same(guest, before);
    expect_echoes(before, "three");
    for (const char *const *text = (const char *const[]){"one", "two", "three", NULL}; *text; text++)
        expect_in_log(guest, *text);
    clear(before);
    harness_engine_finish(engine);
}

static unsigned
number_of(const Look *look)
{
    return (unsigned)g_ascii_strtoull(look->name + strlen("/dev/pts/"), NULL, 10);
}

/* A number below that of the guest is free when the old QEMU is gone: the guest gets its own all the same. */
static void
lower_numbers_that_are_free(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    int *below = terminal_fill_below("/dev/pts/40");
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_spec());
    Look before[G_N_ELEMENTS(labels)];
    unsigned lowest = 0, highest = 0;

    look_at(guest, before);
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
        highest = MAX(highest, number_of(&before[i]));
    assert_int_equal(ioctl(*below, TIOCGPTN, &lowest), 0);
    assert_true(lowest < highest); /* others may have given some back that were lower still */
    terminal_close_all(below);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_same(guest, before);
    expect_echoes(before, "ping");
    clear(before);
    harness_engine_finish(engine);
}

/* Not even a client notices. */
static void
terminals_survive_a_rollback(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_spec());
    Look before[G_N_ELEMENTS(labels)];

    look_at(guest, before);
    int port = terminal_open(before[1].name), serial = terminal_open(before[0].name);
    talk_expect_echo(port, "ping\n");
    talk_expect_echo(serial, "ping");
    carry_roll_back(guest);
    talk_expect_echo(port, "pong\n");
    talk_expect_echo(serial, "pong");
    expect_same(guest, before);
    close(port);
    close(serial);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_same(guest, before);
    expect_echoes(before, "again");
    clear(before);
    harness_engine_finish(engine);
}

/* A client that leaves when it is hung up. */
static void *
leave_when_hung_up(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);

    terminal_await_end(fd);
    close(fd);
    return NULL;
}

static void
clients_open_it_again(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_spec());
    Look before[G_N_ELEMENTS(labels)];

    look_at(guest, before);
    int fd = terminal_open(before[0].name);
    talk_expect_echo(fd, "ping");
    GThread *client = g_thread_new("client", leave_when_hung_up, GINT_TO_POINTER(fd));
    harness_guest_upgrade(guest, BUILD_SECOND);
    g_thread_join(client);
    expect_same(guest, before);
    expect_echoes(before, "pong");
    clear(before);
    harness_engine_finish(engine);
}

/* A client that does not leave keeps the number; a console under another is better than none. */
static void
name_that_a_client_keeps(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_spec());
    g_autofree char *before = terminal_dup_name(guest, SERIAL);
    int fd = terminal_open(before);

    talk_expect_echo(fd, "ping");
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_status(reply, EXIT_DONE);
    harness_guest_look_up(guest);
    g_autofree char *now = terminal_dup_name(guest, SERIAL);
    g_autofree char *words =
        g_strdup_printf("the terminal of " SERIAL ": it is %s now, for %s was not to be had", now, before);
    if (!strstr(reply->text, words) || !strstr(reply->text, "chardev-pty-changed"))
        fail_msg("“%s” is not in: %s", words, reply->text);
    assert_string_not_equal(now, before);
    terminal_await_end(fd);
    int other = terminal_open(now);
    talk_expect_echo(other, "pong");
    close(other);
    close(fd);
    harness_guest_upgrade(guest, BUILD_INSTALLED); /* from then on it keeps that */
    g_autofree char *later = terminal_dup_name(guest, SERIAL);
    assert_string_equal(later, now);
    harness_engine_finish(engine);
}

/* QEMU gives a virtio console another terminal only while the guest runs. */
static void
virtio_console_of_a_paused_guest(void **state)
{
    (void)state;
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, make_spec());

    carry_expect_rows(guest, "WARN chardev-pty");
    harness_guest_qmp(guest, "stop");
    carry_expect_rows(guest, "BLOCK chardev-pty");
    harness_guest_qmp(guest, "cont");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(terminals_have_their_names),   HARNESS_TEST(lower_numbers_that_are_free),
        HARNESS_TEST(terminals_survive_a_rollback), HARNESS_TEST(clients_open_it_again),
        HARNESS_TEST(name_that_a_client_keeps),     HARNESS_TEST(virtio_console_of_a_paused_guest),
    };

    terminal_have_own_numbers();
    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
