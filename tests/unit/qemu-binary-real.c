/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The probe against real QEMUs: the installed one (MOULT_TEST_QEMU) and a newer one (MOULT_TEST_QEMU_NEW,
 * else what contrib/fetch/qemu has put into the cache folder), which is a wrapper script. Tests whose QEMU is
 * not there are skipped; exit 77 when the installed one is missing.
 */
#include "process-helper.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "qemu/binary.h"

static Launcher *launcher;
static QemuBinaryCache *cache;

static const char *
installed_path(void)
{
    const char *path = g_getenv("MOULT_TEST_QEMU");

    return path ? path : "/usr/bin/qemu-system-x86_64";
}

/* Owned; NULL when there is none. */
static char *
newer_path(void)
{
    const char *path = g_getenv("MOULT_TEST_QEMU_NEW"), *folder = g_getenv("MOULT_CACHE_DIR");
    g_autofree char *cache_folder =
        folder ? g_strdup(folder) : g_build_filename(g_get_user_cache_dir(), "moult", NULL);
    g_autofree char *fetched =
        path ? g_strdup(path) : g_build_filename(cache_folder, "qemu-10.0", "qemu-system-x86_64", NULL);

    return g_file_test(fetched, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer(&fetched) : NULL;
}

/* What `BINARY --version` says, e.g. "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n...". */
static char *
version_line(const char *path)
{
    const char *const argv[] = {path, "--version", NULL};
    LauncherRequest request = {.binary = path, .argv = argv, .stdin_fd = -1, .stdout_fd = -1};
    ProcessExit how;

    return helper_run(launcher, &request, &how);
}

static QemuBinary *
get(const char *path)
{
    const QmpWait wait = qmp_wait_from_now(60000, -1);
    g_autoptr(GError) error = NULL;
    QemuBinary *binary = qemu_binary_cache_get(cache, path, &wait, &error);

    assert_no_error(error);
    return binary;
}

static void
check_facts(const QemuBinary *binary)
{
    g_autofree char *line = version_line(binary->path);
    const QmpMachine *q35 = qemu_binary_find_machine(binary, "q35");

    assert_non_null(strstr(line, binary->version_text));
    assert_non_null(strstr(line, binary->package));
    assert_string_equal(binary->target, "x86_64");
    assert_true(g_str_has_prefix(q35->name, "pc-q35-"));
    assert_string_equal(q35->default_ram_id, "pc.ram");
    assert_non_null(qemu_binary_find_machine(binary, NULL));
    assert_null(qemu_binary_find_machine(binary, "pc-q35-0.0"));
    assert_true(g_hash_table_contains(binary->device_types, "virtio-blk-pci"));
    assert_true(g_hash_table_contains(binary->object_types, "memory-backend-file"));
    assert_false(g_hash_table_contains(binary->object_types, "virtio-blk-pci"));
    assert_true(g_hash_table_contains(binary->migrate_capabilities, "return-path"));
    assert_string_equal(qemu_binary_get_shared_capability(binary), "x-ignore-shared");
}

static void
installed_qemu_tells_what_it_can_do(void **state)
{
    (void)state;
    g_autoptr(QemuBinary) binary = get(installed_path());

    check_facts(binary);
    if (binary->version.major == 7)
        assert_true(qemu_binary_skips_unnamed_shared(binary));
}

static void
newer_qemu_behind_its_wrapper_tells_what_it_can_do(void **state)
{
    (void)state;
    g_autofree char *path = newer_path();

    if (!path)
        skip();
    g_autoptr(QemuBinary) binary = get(path), installed = get(installed_path());
    check_facts(binary);
    assert_true(qemu_version_compare(&installed->version, &binary->version) < 0);
    assert_false(qemu_binary_skips_unnamed_shared(binary));
    assert_non_null(qemu_binary_find_machine(binary, "pc-q35-7.2"));
    assert_null(qemu_binary_find_machine(installed, "pc-q35-10.0"));
}

static void
answer_is_cached(void **state)
{
    (void)state;
    g_autoptr(QemuBinary) first = get(installed_path()), second = get(installed_path());

    assert_ptr_equal(first, second);
}

/*
 * Through the loader, as newer suites' builds are run: /proc/PID/exe is then the loader. QEMU takes its
 * folder from there too, so it does not find its modules (accelerators among them) without being told.
 */
static void
qemu_started_through_the_loader_is_cached(void **state)
{
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("moult-loader-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qemu", NULL);
    g_autofree char *text =
        g_strdup_printf("#!/bin/sh\nfor QEMU_MODULE_DIR in /usr/lib/*/qemu; do export QEMU_MODULE_DIR; done\n"
                        "exec /lib64/ld-linux-x86-64.so.2 %s \"$@\"\n",
                        installed_path());

    if (!g_file_test("/lib64/ld-linux-x86-64.so.2", G_FILE_TEST_EXISTS))
        skip();
    assert_true(g_file_set_contents(path, text, -1, NULL));
    assert_int_equal(g_chmod(path, 0755), 0);
    g_autoptr(QemuBinary) first = get(path), second = get(path), installed = get(installed_path());
    assert_ptr_equal(first, second);
    assert_string_equal(first->version_text, installed->version_text);
    assert_int_equal(g_hash_table_size(first->device_types), g_hash_table_size(installed->device_types));
    g_unlink(path);
    g_rmdir(folder);
}

static void
option_that_qemu_refuses_is_in_its_own_words(void **state)
{
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("moult-refuses-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qemu", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\nexec %s -nonsense \"$@\"\n", installed_path());
    const QmpWait wait = qmp_wait_from_now(60000, -1);
    g_autoptr(GError) error = NULL;

    assert_true(g_file_set_contents(path, text, -1, NULL));
    assert_int_equal(g_chmod(path, 0755), 0);
    assert_null(qemu_binary_cache_get(cache, path, &wait, &error));
    assert_true(g_error_matches(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_NOT_QEMU));
    assert_non_null(strstr(error->message, "-nonsense: invalid option"));
    g_unlink(path);
    g_rmdir(folder);
}

static int
start(void **state)
{
    (void)state;
    launcher = launcher_start(NULL);
    cache = qemu_binary_cache_new(launcher, NULL);
    return launcher ? 0 : -1;
}

static int
stop(void **state)
{
    (void)state;
    qemu_binary_cache_free(cache);
    launcher_free(launcher);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(installed_qemu_tells_what_it_can_do),
        cmocka_unit_test(newer_qemu_behind_its_wrapper_tells_what_it_can_do),
        cmocka_unit_test(answer_is_cached),
        cmocka_unit_test(qemu_started_through_the_loader_is_cached),
        cmocka_unit_test(option_that_qemu_refuses_is_in_its_own_words),
    };

    if (!g_file_test(installed_path(), G_FILE_TEST_IS_EXECUTABLE)) {
        fprintf(stderr, "%s is not there: skipped\n", installed_path());
        return 77;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
