/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control socket: bound in place of a stale one, or handed over by a service manager. */
#include "control/listen.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    char *path;
    int dirfd;
} Folder;

static int
folder_new(void **state)
{
    Folder *folder = g_new0(Folder, 1);

    folder->path = g_dir_make_tmp("moult-test-XXXXXX", NULL);
    folder->dirfd = open(folder->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    *state = folder;
    return folder->dirfd < 0;
}

static int
folder_free(void **state)
{
    Folder *folder = *state;

    unlinkat(folder->dirfd, "s", 0);
    close(folder->dirfd);
    int result = rmdir(folder->path); /* fails when something was left behind */
    g_free(folder->path);
    g_free(folder);
    return result;
}

static int
try_connect(const Folder *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/s", folder->dirfd);
    int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return result;
}

static void
the_socket_is_private_whatever_the_umask(void **state)
{
    Folder *folder = *state;
    struct stat status;
    mode_t before = umask(0);
    int fd = control_listen_bind(folder->dirfd, "s", NULL);

    umask(before);
    assert_true(fd >= 0);
    assert_int_equal(fstatat(folder->dirfd, "s", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode, S_IFSOCK | 0600);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(try_connect(folder), 0);
    close(fd);
}

static void
a_stale_socket_is_replaced(void **state)
{
    Folder *folder = *state;
    int stale = control_listen_bind(folder->dirfd, "s", NULL);

    close(stale);
    assert_int_equal(try_connect(folder), -1);
    int fd = control_listen_bind(folder->dirfd, "s", NULL);
    assert_true(fd >= 0);
    assert_int_equal(try_connect(folder), 0);
    close(fd);
}

static void
left_overs_of_a_bind_do_not_matter(void **state)
{
    Folder *folder = *state;
    int left = openat(folder->dirfd, ".s.new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    close(left);
    int fd = control_listen_bind(folder->dirfd, "s", NULL);
    assert_true(fd >= 0);
    close(fd);
}

static void
a_failed_bind_leaves_nothing(void **state)
{
    Folder *folder = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *long_name = g_strnfill(200, 'x');

    assert_int_equal(control_listen_bind(folder->dirfd, long_name, &error), -1);
    assert_non_null(error);
    g_clear_error(&error);
    /* A folder cannot be replaced by a socket. */
    assert_int_equal(mkdirat(folder->dirfd, "s", 0700), 0);
    assert_int_equal(control_listen_bind(folder->dirfd, "s", &error), -1);
    assert_non_null(error);
    assert_int_equal(unlinkat(folder->dirfd, "s", AT_REMOVEDIR), 0);
}

static void
a_hidden_socket_keeps_its_clients(void **state)
{
    Folder *folder = *state;
    int fd = control_listen_bind(folder->dirfd, "s", NULL);

    assert_true(control_listen_hide(folder->dirfd, "s"));
    assert_int_equal(try_connect(folder), -1);
    assert_true(control_listen_unhide(folder->dirfd, "s"));
    assert_int_equal(try_connect(folder), 0);
    assert_true(control_listen_hide(folder->dirfd, "s"));
    assert_false(control_listen_hide(folder->dirfd, "s"));
    control_listen_remove(folder->dirfd, "s");
    assert_false(control_listen_unhide(folder->dirfd, "s"));
    close(fd);
}

static void
set_activation(pid_t pid, const char *count)
{
    g_autofree char *text = g_strdup_printf("%d", (int)pid);

    g_setenv("LISTEN_PID", text, TRUE);
    g_setenv("LISTEN_FDS", count, TRUE);
}

/* What descriptor 3 is at the time goes aside and comes back. */
static void
assert_activation(int fd, bool good, const char *count)
{
    g_autoptr(GError) error = NULL;
    int aside = fcntl(3, F_DUPFD_CLOEXEC, 10), found = -2;

    dup2(fd, 3);
    set_activation(getpid(), count);
    assert_int_equal(control_listen_activated(&found, &error), good);
    assert_int_equal(found, good ? 3 : -2);
    if (good)
        assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
    assert_null(g_getenv("LISTEN_PID"));
    assert_null(g_getenv("LISTEN_FDS"));
    if (aside >= 0) {
        dup2(aside, 3);
        close(aside);
    } else {
        close(3);
    }
}

static void
passed_sockets_are_checked(void **state)
{
    Folder *folder = *state;
    int good = control_listen_bind(folder->dirfd, "s", NULL);
    int unconnected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int other = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_activation(good, true, "1");
    assert_activation(good, false, "2");
    assert_activation(good, false, "x");
    assert_activation(unconnected, false, "1");
    assert_activation(other, false, "1");
    assert_activation(folder->dirfd, false, "1");
    close(good);
    close(unconnected);
    close(other);
}

static void
variables_for_another_process_are_ignored(void **state)
{
    (void)state;
    int fd = -2;

    set_activation(getpid() + 1, "1");
    assert_true(control_listen_activated(&fd, NULL));
    assert_int_equal(fd, -1);
    assert_null(g_getenv("LISTEN_FDS"));
    fd = -2;
    assert_true(control_listen_activated(&fd, NULL));
    assert_int_equal(fd, -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_socket_is_private_whatever_the_umask, folder_new, folder_free),
        cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced, folder_new, folder_free),
        cmocka_unit_test_setup_teardown(left_overs_of_a_bind_do_not_matter, folder_new, folder_free),
        cmocka_unit_test_setup_teardown(a_failed_bind_leaves_nothing, folder_new, folder_free),
        cmocka_unit_test_setup_teardown(a_hidden_socket_keeps_its_clients, folder_new, folder_free),
        cmocka_unit_test_setup_teardown(passed_sockets_are_checked, folder_new, folder_free),
        cmocka_unit_test_setup_teardown(variables_for_another_process_are_ignored, folder_new, folder_free),
    };

    return cmocka_run_group_tests_name("control-listen", tests, NULL, NULL);
}
