/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An engine that is root, and a guest's user that does what it can against it. Needs root.
 */
#include "paths-helper.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define GUEST_UID 54321
#define GUEST_GID 54321
#define OTHER_UID 54322

static PathsInstance *
create(const Place *place, guint64 id)
{
    g_autoptr(GError) error = NULL;
    PathsInstance *instance = paths_instance_new(place->dirs, id);
    assert_ok(paths_instance_create(instance, GUEST_UID, GUEST_GID, &error), error);
    return instance;
}

static bool
become(uid_t uid)
{
    return setgroups(0, NULL) == 0 && setgid(uid) == 0 && setuid(uid) == 0;
}

typedef struct {
    const PathsInstance *instance;
    uid_t uid;
    const char *path;
} Attempt;

static bool
can_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return ok;
}

static int
connect_as(void *data)
{
    const Attempt *attempt = data;
    return become(attempt->uid) && can_connect(attempt->path) ? 0 : 1;
}

/* 0 when nothing of it is possible, else the number of the first that is. */
static int
tamper_as_guest(void *data)
{
    const PathsInstance *instance = ((const Attempt *)data)->instance;
    if (!become(GUEST_UID))
        return 100;
    g_autofree char *own = g_build_filename(instance->qemu_dir, "own", NULL);
    g_autofree char *added = g_build_filename(instance->dir, "added", NULL);
    if (close(open(own, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) < 0)
        return 101; /* here it may */
    const bool done[] = {
        rename(own, instance->config) == 0,
        unlink(instance->config) == 0,
        unlink(instance->monitor_socket) == 0,
        symlink("/", added) == 0,
        rename(instance->log, added) == 0,
        chmod(instance->dir, 0777) == 0,
        open(instance->config, O_RDONLY) >= 0,
        open(instance->config, O_WRONLY) >= 0,
        open(instance->log, O_RDONLY) >= 0,
        rename(instance->qemu_dir, added) == 0,
        rmdir(instance->dir) == 0,
        opendir(instance->dir) != NULL,
        link(instance->config, own) == 0,
        rename(instance->dir, own) == 0,
        open(instance->dir, O_RDONLY) >= 0,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(done); i++)
        if (done[i])
            return (int)i + 1;
    return 0;
}

static void
records_cannot_be_touched_by_the_guests_user(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    assert_ok(paths_file_replace(instance->config, "{}", 2, 0600, &error), error);
    int log = paths_instance_open_log(instance, &error);
    int monitor = paths_instance_listen(instance, instance->monitor_socket, 0, 0, &error);
    assert_true(log >= 0 && monitor >= 0);
    Attempt attempt = {.instance = instance};
    assert_int_equal(in_child(tamper_as_guest, &attempt), 0);
    assert_content(instance->config, "{}");
    close(log);
    close(monitor);
}

static void
sockets_are_for_their_owner_and_others_do_not_pass(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    int monitor = paths_instance_listen(instance, instance->monitor_socket, 0, 0, &error);
    int operator_fd =
        paths_instance_listen(instance, instance->operator_socket, GUEST_UID, GUEST_GID, &error);
    assert_true(monitor >= 0 && operator_fd >= 0);
    assert_int_equal(in_child(connect_as, &(Attempt){.uid = GUEST_UID, .path = instance->operator_socket}),
                     0);
    assert_int_equal(in_child(connect_as, &(Attempt){.uid = GUEST_UID, .path = instance->monitor_socket}), 1);
    assert_int_equal(chmod(instance->operator_socket, 0666), 0); /* the folder alone keeps strangers out */
    assert_int_equal(in_child(connect_as, &(Attempt){.uid = OTHER_UID, .path = instance->operator_socket}),
                     1);
    close(monitor);
    close(operator_fd);
}

/* Binds as QEMU does for -incoming unix:. */
static int
bind_as_guest(void *data)
{
    const PathsInstance *instance = ((const Attempt *)data)->instance;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, instance->migrate_socket, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!become(GUEST_UID) || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return 1;
    return can_connect(instance->migrate_socket) ? 0 : 2;
}

static void
guests_user_can_bind_its_migration_socket(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    assert_int_equal(mode_of(instance->dir), 0710);
    assert_int_equal(in_child(bind_as_guest, &(Attempt){.instance = instance}), 0);
    assert_ok(paths_instance_remove(instance, &error), error);
    assert_false(exists(instance->dir));
}

static char *
make_file(const char *folder, const char *name, uid_t uid)
{
    char *path = g_build_filename(folder, name, NULL);
    assert_true(g_file_set_contents(path, "precious", -1, NULL));
    assert_int_equal(lchown(path, uid, uid), 0);
    return path;
}

static char *
make_folder(const char *parent, const char *name, uid_t uid)
{
    char *path = g_build_filename(parent, name, NULL);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(lchown(path, uid, uid), 0);
    return path;
}

static void
remove_takes_what_the_user_has_made(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    g_autofree char *a = make_folder(instance->qemu_dir, "a", GUEST_UID);
    g_autofree char *b = make_folder(a, "b", GUEST_UID);
    g_autofree char *file = make_file(b, "file", GUEST_UID);
    assert_ok(paths_instance_remove(instance, &error), error);
    assert_false(exists(instance->dir));
}

/* As a user could do it who owns a folder elsewhere in which root keeps one: he moves his own here. */
static void
remove_leaves_a_foreign_folder_that_was_moved_in(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    g_autofree char *shared = make_folder(instance->qemu_dir, "shared", GUEST_UID);
    g_autofree char *roots = make_folder(shared, "roots", 0);
    g_autofree char *file = make_file(roots, "file", 0);
    assert_false(paths_instance_remove(instance, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_content(file, "precious");
    assert_int_equal(unlink(file) + rmdir(roots), 0);
    assert_ok(paths_instance_remove(instance, &error), error);
}

static void
remove_gives_up_on_a_bottomless_tree(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    g_autofree char *path = g_strdup(instance->qemu_dir);
    for (int i = 0; i < 40; i++) {
        char *deeper = make_folder(path, "d", GUEST_UID);
        g_free(path);
        path = deeper;
    }
    assert_false(paths_instance_remove(instance, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
}

static void
folder_of_the_user_in_place_of_the_instance_is_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    assert_int_equal(lchown(instance->dir, GUEST_UID, GUEST_GID), 0);
    assert_false(paths_instance_remove(instance, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_int_equal(paths_instance_open_log(instance, &error), -1);
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_int_equal(paths_instance_listen(instance, instance->monitor_socket, 0, 0, &error), -1);
    assert_error(error, PATHS_ERROR_UNSAFE);
}

static void
dirs_of_another_user_are_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    const char *folders[] = {place->dirs->runtime, place->dirs->journal, place->dirs->state,
                             place->dirs->definitions};
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        assert_int_equal(chown(folders[i], GUEST_UID, 0), 0);
        assert_false(paths_dirs_create(place->dirs, &error));
        assert_non_null(strstr(error->message, folders[i]));
        assert_error(error, PATHS_ERROR_UNSAFE);
        assert_int_equal(chown(folders[i], 0, 0), 0);
    }
}

static void
files_of_another_user_are_not_read_or_added_to(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *file = make_file(place->dirs->state, "history.jsonl", GUEST_UID);
    assert_null(paths_file_read(file, 100, NULL, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_false(paths_file_append(file, "x\n", 2, 0600, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_content(file, "precious");
}

static void
nothing_is_written_into_a_users_folder(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    g_autofree char *file = g_build_filename(instance->qemu_dir, "x", NULL);
    assert_false(paths_file_replace(file, "x", 1, 0600, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_int_equal(count_entries(instance->qemu_dir), 0);
}

/* Exchanges a folder with a link to TARGET all the time, until killed; says so on READY_FD. */
static G_GNUC_NORETURN void
exchange_for_ever(const char *folder, const char *link, const char *target, int ready_fd)
{
    /* Only after the change of user, which clears it: a failed test leaves none behind. */
    if (!become(GUEST_UID) || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || write(ready_fd, "", 1) != 1)
        _exit(1);
    for (;;) {
        if (renameat2(AT_FDCWD, folder, AT_FDCWD, link, RENAME_EXCHANGE) < 0) {
            (void)!mkdir(folder, 0700);
            (void)!symlink(target, link);
        }
    }
}

/* Returns once it is at it. */
static pid_t
start_exchange(const char *folder, const char *link, const char *target)
{
    int fds[2];
    char byte;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        exchange_for_ever(folder, link, target, fds[1]);
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    return pid;
}

static void
remove_is_not_led_astray_by_a_race(void **state)
{
    Place *place = *state;
    /* The user's own, so that nothing but not following the link can save it. */
    g_autofree char *victims = make_folder(place->base, "victims", GUEST_UID);
    g_autofree char *victim = make_file(victims, "file", GUEST_UID);
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    g_autofree char *folder = g_build_filename(instance->qemu_dir, "a", NULL);
    g_autofree char *link = g_build_filename(instance->qemu_dir, "b", NULL);
    pid_t pid = start_exchange(folder, link, victims);
    for (int i = 0; i < 10000; i++) {
        if (paths_instance_remove(instance, NULL)) /* it may win, but only there */
            assert_true(paths_instance_create(instance, GUEST_UID, GUEST_GID, NULL));
        assert_true(exists(victim));
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_ok(paths_instance_remove(instance, &error), error);
    assert_false(exists(instance->dir));
    assert_content(victim, "precious");
}

int
main(void)
{
    if (geteuid() != 0) {
        puts("SKIP: needs root, to be another user than the guest's");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        place_test(records_cannot_be_touched_by_the_guests_user),
        place_test(sockets_are_for_their_owner_and_others_do_not_pass),
        place_test(guests_user_can_bind_its_migration_socket),
        place_test(remove_takes_what_the_user_has_made),
        place_test(remove_leaves_a_foreign_folder_that_was_moved_in),
        place_test(remove_gives_up_on_a_bottomless_tree),
        place_test(folder_of_the_user_in_place_of_the_instance_is_refused),
        place_test(dirs_of_another_user_are_refused),
        place_test(files_of_another_user_are_not_read_or_added_to),
        place_test(nothing_is_written_into_a_users_folder),
        place_test(remove_is_not_led_astray_by_a_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
