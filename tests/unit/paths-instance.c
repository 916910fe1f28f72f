/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paths-helper.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "paths/socket.h"

static PathsInstance *
create(const Place *place, guint64 id)
{
    g_autoptr(GError) error = NULL;
    PathsInstance *instance = paths_instance_new(place->dirs, id);
    assert_ok(paths_instance_create(instance, geteuid(), getegid(), &error), error);
    return instance;
}

static void
folder_is_private_for_the_engines_own_user(void **state)
{
    Place *place = *state;
    mode_t old = umask(0077);
    g_autoptr(PathsInstance) instance = create(place, 7);
    umask(old);
    assert_int_equal(mode_of(instance->dir), 0700);
    assert_int_equal(mode_of(instance->qemu_dir), 0700);
    assert_true(g_str_has_prefix(instance->migrate_socket, instance->qemu_dir));
}

static void
existing_folder_is_never_taken_over(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    assert_false(paths_instance_create(instance, geteuid(), getegid(), &error));
    assert_error(error, PATHS_ERROR_EXISTS);
    assert_true(exists(instance->qemu_dir));
    g_autoptr(PathsInstance) linked = paths_instance_new(place->dirs, 8);
    assert_int_equal(symlink(instance->dir, linked->dir), 0);
    assert_false(paths_instance_create(linked, geteuid(), getegid(), &error));
    assert_error(error, PATHS_ERROR_EXISTS);
}

static void
copy_has_the_same_paths(void **state)
{
    Place *place = *state;
    g_autoptr(PathsInstance) instance = paths_instance_new(place->dirs, 9);
    g_autoptr(PathsInstance) copy = paths_instance_copy(instance);
    assert_int_equal(copy->domain_id, 9);
    assert_string_equal(copy->migrate_socket, instance->migrate_socket);
    assert_string_equal(copy->config, instance->config);
    assert_ptr_not_equal(copy->dir, instance->dir);
    assert_null(paths_instance_copy(NULL));
}

static void
remove_takes_everything_and_twice_is_fine(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    assert_ok(paths_file_replace(instance->config, "{}", 2, 0600, &error), error);
    int fd = paths_instance_listen(instance, instance->monitor_socket, geteuid(), getegid(), &error);
    assert_true(fd >= 0);
    close(fd);
    assert_true(g_file_set_contents(instance->migrate_socket, "", 0, NULL));
    assert_ok(paths_instance_remove(instance, &error), error);
    assert_false(exists(instance->dir));
    assert_ok(paths_instance_remove(instance, &error), error);
}

static void
remove_without_any_runtime_folder_is_fine(void **state)
{
    Place *place = *state;
    g_autoptr(PathsInstance) instance = paths_instance_new(place->dirs, 7);
    assert_true(paths_instance_remove(instance, NULL));
}

static void
remove_follows_no_symlink(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    g_autofree char *victim = g_build_filename(place->dirs->state, "precious", NULL);
    g_autofree char *link = g_build_filename(instance->qemu_dir, "link", NULL);
    assert_true(g_file_set_contents(victim, "x", 1, NULL));
    assert_int_equal(symlink(place->dirs->state, link), 0);
    assert_int_equal(symlink(victim, instance->config), 0);
    assert_ok(paths_instance_remove(instance, &error), error);
    assert_true(exists(victim));
    /* Nor when the folder itself is one. */
    assert_int_equal(symlink(place->dirs->state, instance->dir), 0);
    assert_false(paths_instance_remove(instance, &error));
    assert_error(error, PATHS_ERROR_UNSAFE);
    assert_true(exists(victim));
}

static void
log_appends_and_is_private(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    for (int i = 0; i < 2; i++) {
        int fd = paths_instance_open_log(instance, &error);
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(write(fd, "x\n", 2), 2);
        close(fd);
    }
    assert_content(instance->log, "x\nx\n");
    assert_int_equal(mode_of(instance->log), 0600);
}

static void
log_that_is_a_symlink_is_refused(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    assert_int_equal(symlink("/dev/null", instance->log), 0);
    assert_int_equal(paths_instance_open_log(instance, &error), -1);
    assert_error(error, PATHS_ERROR_UNSAFE);
}

/* Connects by way of the folder, as the address may be too long. */
static bool
can_connect(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder_fd, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    close(folder_fd);
    return ok;
}

static void
socket_listens_privately_whatever_the_umask(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    const mode_t umasks[] = {0, 0777};
    for (size_t i = 0; i < G_N_ELEMENTS(umasks); i++) {
        mode_t old = umask(umasks[i]);
        int fd = paths_instance_listen(instance, instance->monitor_socket, geteuid(), getegid(), &error);
        umask(old);
        assert_true(fd >= 0);
        assert_int_equal(mode_of(instance->monitor_socket), 0600);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_true(can_connect(instance->monitor_socket));
        close(fd);
        assert_int_equal(unlink(instance->monitor_socket), 0);
    }
}

static void
socket_name_that_is_taken_is_left_alone(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 7);
    int fd = paths_instance_listen(instance, instance->monitor_socket, geteuid(), getegid(), &error);
    assert_int_equal(paths_instance_listen(instance, instance->monitor_socket, geteuid(), getegid(), &error),
                     -1);
    assert_error(error, PATHS_ERROR_EXISTS);
    assert_true(can_connect(instance->monitor_socket));
    close(fd);
    assert_int_equal(symlink("/nonexistent/elsewhere", instance->operator_socket), 0);
    assert_int_equal(paths_instance_listen(instance, instance->operator_socket, geteuid(), getegid(), &error),
                     -1);
    assert_error(error, PATHS_ERROR_EXISTS);
}

static void
socket_outside_of_the_folder_is_refused(void **state)
{
    Place *place = *state;
    g_autoptr(PathsInstance) instance = create(place, 7);
    g_autofree char *up = g_strconcat(instance->dir, "/../x.sock", NULL);
    g_autofree char *prefix = g_strconcat(instance->dir, "1/x.sock", NULL);
    g_autofree char *itself = g_strconcat(instance->dir, "/", NULL);
    const char *paths[] = {"/tmp/x.sock", up, prefix, itself, instance->migrate_socket, instance->dir, "x"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        assert_int_equal(paths_instance_listen(instance, paths[i], geteuid(), getegid(), &error), -1);
        assert_error(error, PATHS_ERROR_INVALID);
    }
}

static void
socket_paths_longer_than_an_address_work(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autofree char *filling = g_strnfill(200, 'l');
    g_autofree char *runtime = g_build_filename(place->base, filling, NULL);
    g_setenv("MOULT_RUNTIME_DIR", runtime, TRUE);
    g_autoptr(PathsDirs) dirs = paths_dirs_new(&error);
    assert_ok(paths_dirs_create(dirs, &error), error);
    g_autoptr(PathsInstance) instance = paths_instance_new(dirs, 7);
    assert_true(strlen(instance->monitor_socket) > sizeof(((struct sockaddr_un *)NULL)->sun_path));
    assert_ok(paths_instance_create(instance, geteuid(), getegid(), &error), error);
    int fd = paths_instance_listen(instance, instance->monitor_socket, geteuid(), getegid(), &error);
    assert_true(fd >= 0);
    assert_true(can_connect(instance->monitor_socket));
    close(fd);
    int control = paths_socket_listen(dirs->control_socket, 0660, geteuid(), getegid(), &error);
    assert_true(control >= 0);
    assert_true(can_connect(dirs->control_socket));
    assert_int_equal(mode_of(dirs->control_socket), 0660);
    close(control);
    assert_ok(paths_instance_remove(instance, &error), error);
}

static void
list_has_the_folders_with_an_id_in_order(void **state)
{
    Place *place = *state;
    const guint64 ids[] = {100, 9, 9223372036854775806ULL};
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(PathsInstance) instance = create(place, ids[i]);
    }
    const char *others[] = {"007", "x", "12x", "0", "-5", "+5", ".5"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *path = g_build_filename(place->dirs->instances, others[i], NULL);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    g_autofree char *file = g_build_filename(place->dirs->instances, "5", NULL);
    g_autofree char *link = g_build_filename(place->dirs->instances, "6", NULL);
    assert_true(g_file_set_contents(file, "", 0, NULL));
    assert_int_equal(symlink("9", link), 0);
    g_autoptr(GArray) list = paths_instance_list(place->dirs, NULL);
    assert_int_equal(list->len, 3);
    assert_int_equal(g_array_index(list, guint64, 0), 9);
    assert_int_equal(g_array_index(list, guint64, 1), 100);
    assert_int_equal(g_array_index(list, guint64, 2), ids[2]);
}

static void
alias_moves_and_goes(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    g_autoptr(PathsInstance) instance = create(place, 8);
    g_autofree char *alias = g_build_filename(place->dirs->guests, "web1", NULL);
    g_autofree char *config = g_build_filename(alias, "config.json", NULL);
    guint64 id = 0;
    assert_false(paths_alias_get(place->dirs, "web1", &id));
    assert_ok(paths_alias_set(place->dirs, "web1", 7, &error), error);
    assert_ok(paths_alias_set(place->dirs, "web1", 8, &error), error);
    assert_true(paths_alias_get(place->dirs, "web1", &id));
    assert_int_equal(id, 8);
    assert_int_equal(count_entries(place->dirs->guests), 1);
    assert_ok(paths_file_replace(instance->config, "{}", 2, 0600, &error), error);
    assert_content(config, "{}"); /* the link leads there */
    assert_ok(paths_alias_remove(place->dirs, "web1", &error), error);
    assert_ok(paths_alias_remove(place->dirs, "web1", &error), error);
    assert_false(paths_alias_get(place->dirs, "web1", &id));
}

static void
alias_names_are_checked_and_foreign_links_ignored(void **state)
{
    Place *place = *state;
    g_autoptr(GError) error = NULL;
    guint64 id = 5;
    assert_false(paths_alias_set(place->dirs, "../x", 7, &error));
    assert_error(error, PATHS_ERROR_INVALID);
    assert_false(paths_alias_remove(place->dirs, "../journal", &error));
    assert_error(error, PATHS_ERROR_INVALID);
    const char *targets[] = {"../instances/../7", "../instances/", "/etc/7", "../instances/07",
                             "../instances/7/x"};
    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        g_autofree char *alias = g_build_filename(place->dirs->guests, "odd", NULL);
        assert_int_equal(symlink(targets[i], alias), 0);
        assert_false(paths_alias_get(place->dirs, "odd", &id));
        assert_int_equal(unlink(alias), 0);
    }
    assert_int_equal(id, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(folder_is_private_for_the_engines_own_user),
        place_test(existing_folder_is_never_taken_over),
        place_test(copy_has_the_same_paths),
        place_test(remove_takes_everything_and_twice_is_fine),
        cmocka_unit_test_setup_teardown(remove_without_any_runtime_folder_is_fine, place_setup_empty,
                                        place_teardown),
        place_test(remove_follows_no_symlink),
        place_test(log_appends_and_is_private),
        place_test(log_that_is_a_symlink_is_refused),
        place_test(socket_listens_privately_whatever_the_umask),
        place_test(socket_name_that_is_taken_is_left_alone),
        place_test(socket_outside_of_the_folder_is_refused),
        place_test(socket_paths_longer_than_an_address_work),
        place_test(list_has_the_folders_with_an_id_in_order),
        place_test(alias_moves_and_goes),
        place_test(alias_names_are_checked_and_foreign_links_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
