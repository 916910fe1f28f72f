/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pseudo terminals by the kernel: looking at one is no client, and numbers are reached though lower ones are
 * free.
 */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/pty.h"

static int
open_master(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        skip(); /* no devpts here */
    assert_int_equal(unlockpt(fd), 0);
    return fd;
}

static void
looking_is_no_client(void **state)
{
    (void)state;
    int master = open_master();
    const char *name = ptsname(master);
    int client = open(name, O_RDWR | O_NOCTTY);
    struct pollfd polled = {.fd = master};
    QemuTerminal found = {0};
    struct stat status;

    assert_true(client >= 0 && stat(name, &status) == 0);
    close(client); /* from now on a master is told that nobody is there */
    assert_int_equal(poll(&polled, 1, 0), 1);
    assert_true(guest_pty_look(master, &found));
    assert_int_equal(poll(&polled, 1, 0), 1);
    assert_true(polled.revents & POLLHUP);
    assert_int_equal(found.number, atoi(name + 9));
    assert_int_equal(found.file_system, status.st_dev);
    assert_int_equal(found.mode, status.st_mode & 07777);
    assert_int_equal(found.uid, status.st_uid);
    close(master);
}

static void
access_is_set(void **state)
{
    (void)state;
    int master = open_master();
    bool is_root = geteuid() == 0;
    QemuTerminal wanted = {0}, found = {0};

    assert_true(guest_pty_look(master, &wanted));
    wanted.mode = 0642;
    wanted.uid = is_root ? 1 : wanted.uid;
    wanted.gid = is_root ? 2 : wanted.gid;
    assert_true(guest_pty_set_access(master, &wanted));
    assert_true(guest_pty_look(master, &found));
    assert_int_equal(found.mode, 0642);
    assert_int_equal(found.uid, wanted.uid);
    assert_int_equal(found.gid, wanted.gid);
    close(master);
}

static void
numbers_are_reached(void **state)
{
    (void)state;
    int low = open_master(), high = -1, fillers[8];
    QemuTerminal wanted = {0}, got = {0}, elsewhere;
    int ptmx = guest_pty_find_ptmx(getpid());

    for (size_t i = 0; i < G_N_ELEMENTS(fillers); i++)
        fillers[i] = open_master();
    high = open_master();
    assert_true(guest_pty_look(high, &wanted));
    for (size_t i = 0; i < G_N_ELEMENTS(fillers); i++)
        close(fillers[i]);
    close(low);
    for (unsigned attempt = 0;; attempt++) { /* others may open terminals at the same time */
        GArray *below = guest_pty_fds_new();
        assert_int_equal(guest_pty_reach(ptmx, &wanted, below), high >= 0 ? GUEST_PTY_HELD : GUEST_PTY_NEXT);
        if (high >= 0)
            close(high);
        high = -1;
        GuestPtyTurn turn = guest_pty_reach(ptmx, &wanted, below);
        int fd = turn == GUEST_PTY_NEXT ? open_master() : -1;
        bool is_it = fd >= 0 && guest_pty_look(fd, &got) && got.number == wanted.number;
        if (fd >= 0)
            close(fd);
        g_array_unref(below);
        if (is_it)
            break;
        assert_true(attempt < 10);
    }
    elsewhere = wanted;
    elsewhere.file_system++;
    GArray *none = guest_pty_fds_new();
    assert_int_equal(guest_pty_reach(ptmx, &elsewhere, none), GUEST_PTY_FAILED);
    assert_int_equal(guest_pty_reach(-1, &wanted, none), GUEST_PTY_FAILED);
    assert_int_equal(none->len, 0);
    g_array_unref(none);
    close(ptmx);
}

/* Its master is gone, but a client has it open. */
static void
client_keeps_the_number(void **state)
{
    (void)state;
    int master = open_master(), client = open(ptsname(master), O_RDWR | O_NOCTTY);
    int ptmx = guest_pty_find_ptmx(getpid());
    GArray *below = guest_pty_fds_new();
    QemuTerminal wanted = {0};

    assert_true(client >= 0 && guest_pty_look(master, &wanted));
    close(master);
    assert_int_equal(guest_pty_reach(ptmx, &wanted, below), GUEST_PTY_HELD);
    close(client);
    g_array_unref(below);
    close(ptmx);
}

static void
only_a_master_is_one(void **state)
{
    (void)state;
    struct stat status;

    assert_int_equal(stat("/dev/null", &status), 0);
    assert_false(guest_pty_is_master(&status));
    assert_true(stat("/dev/ptmx", &status) < 0 || guest_pty_is_master(&status));
    assert_int_equal(guest_pty_find_ptmx(0), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looking_is_no_client), cmocka_unit_test(access_is_set),
        cmocka_unit_test(numbers_are_reached),  cmocka_unit_test(client_keeps_the_number),
        cmocka_unit_test(only_a_master_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
