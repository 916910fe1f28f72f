/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the probe says about files that are no QEMU, or behave as none should, and what the cache believes.
 * The answers of real QEMUs are the subject of qemu-binary-real.c.
 */
#include "process-helper.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "process/proc.h"
#include "qemu/binary-new.h"
#include "qmp/json.h"

typedef struct {
    Launcher *launcher;
    char *folder, *cache_folder;
    QemuBinaryCache *cache;
} Fixture;

/* A QEMU as far as the questions of the probe go: greets, then answers each request in turn, and waits. */
static const char answering_script[] =
    "#!/bin/bash\n"
    "[ -z \"$COUNTER\" ] || echo run >>\"$COUNTER\"\n"
    "say() { printf '%s\\r\\n' \"$1\" >&3; }\n"
    "say "
    "'{\"QMP\":{\"version\":{\"qemu\":{\"micro\":2,\"minor\":1,\"major\":9},\"package\":\"Test\"},"
    "\"capabilities\":[]}}'\n"
    "while read -r line <&3; do\n"
    "  id=$(sed -n 's/.*\"id\": *\\(\"[^\"]*\"\\|[0-9]*\\).*/\\1/p' <<<\"$line\")\n"
    "  case $line in\n"
    "  *query-status*) say \"{\\\"return\\\":{\\\"status\\\":\\\"inmigrate\\\",\\\"running\\\":false},\\\"id\\\":$id}\" ;;\n"
    "  *query-target*) say \"{\\\"return\\\":{\\\"arch\\\":\\\"x86_64\\\"},\\\"id\\\":$id}\" ;;\n"
    "  *query-machines*) say "
    "\"{\\\"return\\\":[{\\\"name\\\":\\\"pc-q35-9.1\\\",\\\"alias\\\":\\\"q35\\\",\\\"cpu-max\\\":255,"
    "\\\"hotpluggable-cpus\\\":true,\\\"numa-mem-supported\\\":true,\\\"deprecated\\\":false}],\\\"id\\\":$"
    "id}\" ;;\n"
    "  *query-migrate-cap*) say "
    "\"{\\\"return\\\":[{\\\"state\\\":false,\\\"capability\\\":\\\"bypass-shared-memory\\\"}],"
    "\\\"id\\\":$id}\" ;;\n"
    "  *qom-list-types*) say \"{\\\"return\\\":[{\\\"name\\\":\\\"virtio-blk-pci\\\"}],\\\"id\\\":$id}\" ;;\n"
    "  *) say \"{\\\"return\\\":{},\\\"id\\\":$id}\" ;;\n"
    "  esac\n"
    "done\n";

static char *
write_script(const Fixture *fixture, const char *name, const char *text)
{
    char *path = g_build_filename(fixture->folder, name, NULL);

    assert_true(g_file_set_contents(path, text, -1, NULL));
    assert_int_equal(g_chmod(path, 0755), 0);
    return path;
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);

    fixture->folder = g_dir_make_tmp("moult-binary-XXXXXX", NULL);
    fixture->cache_folder = g_build_filename(fixture->folder, "cache", NULL);
    g_autofree char *counter = g_build_filename(fixture->folder, "runs", NULL);
    g_setenv("COUNTER", counter, TRUE); /* scripts inherit the launcher's environment */
    fixture->launcher = launcher_start(NULL);
    fixture->cache = qemu_binary_cache_new(fixture->launcher, fixture->cache_folder);
    *state = fixture;
    return fixture->launcher ? 0 : -1;
}

static void
remove_all(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            remove_all(path);
        else
            g_unlink(path);
    }
    g_rmdir(folder);
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    bool nothing_left;

    qemu_binary_cache_free(fixture->cache);
    launcher_free(fixture->launcher);
    remove_all(fixture->folder);
    nothing_left = waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
    g_free(fixture->folder);
    g_free(fixture->cache_folder);
    g_free(fixture);
    return nothing_left ? 0 : -1;
}

static QemuBinary *
get(Fixture *fixture, const char *path, GError **error)
{
    const QmpWait wait = qmp_wait_from_now(HELPER_TIMEOUT_MS, -1);

    return qemu_binary_cache_get(fixture->cache, path, &wait, error);
}

static void
check_refused(Fixture *fixture, const char *path, QemuBinaryError code, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuBinary) binary = get(fixture, path, &error);

    assert_null(binary);
    if (!g_error_matches(error, QEMU_BINARY_ERROR, (int)code) || !strstr(error->message, words))
        fail_msg("%s %d: %s", g_quark_to_string(error->domain), error->code, error->message);
}

static int
count_runs(const Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->folder, "runs", NULL), *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? (int)strlen(text) / 4 : 0;
}

static void
missing_file_is_missing(void **state)
{
    check_refused(*state, "/nonexistent/qemu", QEMU_BINARY_ERROR_MISSING, "No such file");
    check_refused(*state, "/etc/passwd/qemu", QEMU_BINARY_ERROR_MISSING, "Not a directory");
    check_refused(*state, "qemu-system-x86_64", QEMU_BINARY_ERROR_MISSING, "not an absolute path");
}

static void
folder_and_plain_file_are_not_executable(void **state)
{
    check_refused(*state, "/usr", QEMU_BINARY_ERROR_NOT_EXECUTABLE, "is a folder");
    check_refused(*state, "/dev/null", QEMU_BINARY_ERROR_NOT_EXECUTABLE, "not a regular file");
    check_refused(*state, "/etc/passwd", QEMU_BINARY_ERROR_NOT_EXECUTABLE, "not executable");
}

static void
executable_text_that_exec_refuses_is_not_executable(void **state)
{
    g_autofree char *path = write_script(*state, "text", "just words\n");

    check_refused(*state, path, QEMU_BINARY_ERROR_NOT_EXECUTABLE, "Exec format error");
}

static void
missing_interpreter_is_not_executable(void **state)
{
    g_autofree char *path = write_script(*state, "script", "#!/nonexistent/sh\n");

    check_refused(*state, path, QEMU_BINARY_ERROR_NOT_EXECUTABLE, "cannot execute it");
}

static void
program_that_ends_at_once_is_not_qemu(void **state)
{
    check_refused(*state, "/bin/true", QEMU_BINARY_ERROR_NOT_QEMU, "ended with code 0 and said nothing");
}

static void
last_words_are_shown(void **state)
{
    g_autofree char *path =
        write_script(*state, "dies", "#!/bin/sh\necho out; echo 'libfoo.so.1: cannot open' >&2; exit 127\n");

    check_refused(*state, path, QEMU_BINARY_ERROR_NOT_QEMU,
                  "ended with code 127: out\\nlibfoo.so.1: cannot open");
}

static void
signal_that_ended_it_is_named(void **state)
{
    g_autofree char *path = write_script(*state, "crashes", "#!/bin/sh\nkill -SEGV $$\n");

    check_refused(*state, path, QEMU_BINARY_ERROR_NOT_QEMU, "signal 11");
}

static void
printing_without_end_is_stopped(void **state)
{
    gint64 start_us = g_get_monotonic_time();
    g_autofree char *path =
        write_script(*state, "prints", "#!/bin/sh\nwhile :; do echo 'junk \033[31m'; done\n");

    check_refused(*state, path, QEMU_BINARY_ERROR_NOT_QEMU, "prints without end: junk \\x1b[31m");
    assert_true(g_get_monotonic_time() - start_us < QEMU_BINARY_TIMEOUT_MS * 1000LL);
}

static void
garbage_on_the_monitor_is_not_qemu(void **state)
{
    g_autofree char *path = write_script(*state, "garbage", "#!/bin/sh\nexec yes garbage >&3\n");

    check_refused(*state, path, QEMU_BINARY_ERROR_NOT_QEMU, "does not speak as QEMU does");
}

static void
qmp_of_another_program_is_not_qemu(void **state)
{
    g_autofree char *path = write_script(
        *state, "other",
        "#!/bin/sh\necho '{\"QMP\":{\"version\":\"1\",\"capabilities\":[]}}' >&3\nexec sleep 1000\n");

    check_refused(*state, path, QEMU_BINARY_ERROR_NOT_QEMU, "does not speak as QEMU does");
}

static void
silent_program_times_out_and_is_gone(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path =
        write_script(fixture, "hangs", "#!/bin/sh\necho waiting for something\nexec sleep 1000\n");
    const QmpWait wait = qmp_wait_from_now(300, -1);
    g_autoptr(GError) error = NULL;

    assert_null(qemu_binary_cache_get(fixture->cache, path, &wait, &error));
    assert_true(g_error_matches(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_TIMED_OUT));
    assert_non_null(strstr(error->message, "waiting for something"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* the launcher alone */
}

static void
cancelled_probe_says_so(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = write_script(fixture, "hangs", "#!/bin/sh\nexec sleep 1000\n");
    int cancel_fd = eventfd(1, EFD_CLOEXEC);
    const QmpWait wait = qmp_wait_from_now(HELPER_TIMEOUT_MS, cancel_fd);
    g_autoptr(GError) error = NULL;

    assert_null(qemu_binary_cache_get(fixture->cache, path, &wait, &error));
    assert_true(g_error_matches(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CANCELLED));
    close(cancel_fd);
}

/* It is killed already, but nobody here is told when a child of a child is gone. */
static void
check_ends_if_it_runs(pid_t pid, const char *script)
{
    g_autoptr(GError) error = NULL;
    ProcessIdentity identity;
    int pidfd = process_identity_read(pid, &identity, NULL) ? process_identity_open(&identity, NULL) : -1;
    g_auto(GStrv) cmdline = pidfd >= 0 ? process_proc_dup_cmdline(pid, NULL) : NULL;

    if (cmdline && g_strv_contains((const char *const *)cmdline, script))
        process_wait_exit(pidfd, HELPER_TIMEOUT_MS, -1, NULL, &error);
    if (pidfd >= 0)
        close(pidfd);
    assert_no_error(error);
}

static void
wrapper_without_exec_is_refused_and_leaves_nothing(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *inner = write_script(fixture, "inner", answering_script);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s \"$@\"\nexit $?\n", inner);
    g_autofree char *path = write_script(fixture, "wrapper", text);

    check_refused(fixture, path, QEMU_BINARY_ERROR_NOT_QEMU, "must end in `exec`");
    g_autoptr(GArray) pids = process_proc_list_pids(NULL);
    for (guint i = 0; i < pids->len; i++)
        check_ends_if_it_runs(g_array_index(pids, pid_t, i), inner);
}

static void
answers_are_understood(void **state)
{
    g_autofree char *path = write_script(*state, "answers", answering_script);
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuBinary) binary = get(*state, path, &error);

    assert_no_error(error);
    assert_string_equal(binary->version_text, "9.1.2");
    assert_string_equal(binary->package, "Test");
    assert_string_equal(binary->target, "x86_64");
    assert_string_equal(qemu_binary_find_machine(binary, "q35")->name, "pc-q35-9.1");
    assert_string_equal(qemu_binary_find_machine(binary, "pc-q35-9.1")->alias, "q35");
    assert_null(qemu_binary_find_machine(binary, "pc"));
    assert_null(qemu_binary_find_machine(binary, NULL));
    assert_string_equal(qemu_binary_get_shared_capability(binary), "bypass-shared-memory");
    assert_false(qemu_binary_skips_unnamed_shared(binary));
}

static void
second_question_does_not_run_it_again(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = write_script(fixture, "answers", answering_script);
    g_autoptr(QemuBinary) first = get(fixture, path, NULL), second = get(fixture, path, NULL);

    assert_non_null(first);
    assert_ptr_equal(first, second);
    assert_int_equal(count_runs(fixture), 1);
}

static void
file_answers_for_another_engine(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = write_script(fixture, "answers", answering_script);
    g_autoptr(QemuBinary) first = get(fixture, path, NULL);

    qemu_binary_cache_free(fixture->cache);
    fixture->cache = qemu_binary_cache_new(fixture->launcher, fixture->cache_folder);
    g_autoptr(QemuBinary) second = get(fixture, path, NULL);
    assert_int_equal(count_runs(fixture), 1);
    assert_string_equal(second->version_text, first->version_text);
    assert_true(second->inode == first->inode && second->mtime_ns == first->mtime_ns);
    assert_true(g_hash_table_contains(second->device_types, "virtio-blk-pci"));
    assert_string_equal(qemu_binary_find_machine(second, "q35")->name, "pc-q35-9.1");
}

static void
replaced_file_is_asked_again(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = write_script(fixture, "answers", answering_script);
    g_autoptr(QemuBinary) first = get(fixture, path, NULL);
    struct stat before;
    assert_int_equal(stat(path, &before), 0);

    g_free(write_script(fixture, "answers", answering_script)); /* a new inode, the same size */
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0); /* as a reproducible build has it */
    g_autoptr(QemuBinary) second = get(fixture, path, NULL);
    assert_non_null(second);
    assert_int_equal(count_runs(fixture), 2);
}

/* The interpreter stands for the QEMU behind a wrapper: it is what executes while the wrapper stays the same.
 */
static void
replaced_program_behind_a_wrapper_is_asked_again(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *program = g_build_filename(fixture->folder, "program", NULL), *content = NULL;
    g_autofree char *script = write_script(fixture, "script", answering_script);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\nexec %s %s \"$@\"\n", program, script);
    g_autofree char *path = write_script(fixture, "wrapper", text);
    gsize size;

    assert_true(g_file_get_contents("/bin/bash", &content, &size, NULL));
    for (int run = 1; run <= 2; run++) {
        assert_true(g_file_set_contents(program, content, (gssize)size, NULL));
        assert_int_equal(g_chmod(program, 0755), 0);
        g_autoptr(QemuBinary) once = get(fixture, path, NULL), again = get(fixture, path, NULL);
        assert_non_null(once);
        assert_ptr_equal(once, again);
        assert_int_equal(count_runs(fixture), run);
    }
}

static void
failure_is_not_remembered(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = write_script(fixture, "binary", "#!/bin/sh\nexit 1\n");

    check_refused(fixture, path, QEMU_BINARY_ERROR_NOT_QEMU, "ended with code 1");
    assert_false(g_file_test(fixture->cache_folder, G_FILE_TEST_EXISTS));
    g_free(write_script(fixture, "binary", answering_script));
    g_autoptr(QemuBinary) binary = get(fixture, path, NULL);
    assert_non_null(binary);
}

/* The only file in the cache folder. */
static char *
cache_file(const Fixture *fixture)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->cache_folder, 0, NULL);
    const char *name = g_dir_read_name(dir);

    assert_non_null(name);
    return g_build_filename(fixture->cache_folder, name, NULL);
}

/* Asks with an empty memory after the cache file has been changed to TEXT. */
static void
check_file_is_not_believed(Fixture *fixture, const char *path, const char *text, size_t size)
{
    g_autofree char *file = cache_file(fixture);
    int runs = count_runs(fixture);

    assert_true(g_file_set_contents(file, text, (gssize)size, NULL));
    g_chmod(file, 0600);
    qemu_binary_cache_free(fixture->cache);
    fixture->cache = qemu_binary_cache_new(fixture->launcher, fixture->cache_folder);
    g_autoptr(QemuBinary) binary = get(fixture, path, NULL);
    assert_non_null(binary);
    assert_string_equal(binary->version_text, "9.1.2");
    assert_int_equal(count_runs(fixture), runs + 1);
}

static void
torn_or_foreign_cache_file_is_not_believed(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *path = write_script(fixture, "answers", answering_script), *content = NULL;
    g_autoptr(QemuBinary) first = get(fixture, path, NULL);
    g_autofree char *file = cache_file(fixture);
    gsize size;

    assert_true(g_file_get_contents(file, &content, &size, NULL));
    check_file_is_not_believed(fixture, path, "", 0);
    check_file_is_not_believed(fixture, path, "{}", 2);
    check_file_is_not_believed(fixture, path, "[]", 2);
    check_file_is_not_believed(fixture, path, content, size / 2);
    check_file_is_not_believed(fixture, path, "\0\0\0", 3);

    /* Whole, but one member wrong at a time. */
    static const char *const changes[][2] = {
        {"\"format\":1", "\"format\":2"},
        {"\"moult\":\"", "\"moult\":\"x"},
        {"/answers\"", "/another\""},
        {"\"inode\":", "\"inode\":1"},
        {"\"major\":9", "\"major\":-9"},
        {"\"major\":9", "\"major\":\"9\""},
        {"\"cpu_max\":255", "\"cpu_max\":true"},
        {"\"device_types\":[\"virtio-blk-pci\"]", "\"device_types\":[5]"},
        {"\"device_types\":[\"virtio-blk-pci\"]", "\"device_types\":[\"a\\nb\"]"},
        {"\"migrate_capabilities\":", "\"forgotten\":"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_auto(GStrv) parts = g_strsplit(content, changes[i][0], 2);
        assert_int_equal(g_strv_length(parts), 2);
        g_autofree char *changed = g_strjoinv(changes[i][1], parts);
        check_file_is_not_believed(fixture, path, changed, strlen(changed));
    }
}

static void
json_comes_back_whole(void **state)
{
    g_autofree char *path = write_script(*state, "answers", answering_script);
    const QmpWait wait = qmp_wait_from_now(HELPER_TIMEOUT_MS, -1);
    Fixture *fixture = *state;
    g_autoptr(GPtrArray) files = NULL, files_again = NULL;
    g_autoptr(QemuBinary) binary = qemu_binary_probe(fixture->launcher, path, &wait, &files, NULL);
    g_autoptr(json_object) json = qemu_binary_to_json(binary, files);
    g_autoptr(QemuBinary) again = qemu_binary_from_json(json, path, &files_again);
    g_autoptr(json_object) json_again = qemu_binary_to_json(again, files_again);

    assert_true(json_object_equal(json, json_again));
}

static gpointer
get_in_thread(gpointer data)
{
    Fixture *fixture = data;
    g_autofree char *path = g_build_filename(fixture->folder, "answers", NULL);

    return get(fixture, path, NULL);
}

static void
simultaneous_questions_share_one_probe(void **state)
{
    Fixture *fixture = *state;
    GThread *threads[6];

    g_free(write_script(fixture, "answers", answering_script));
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("get", get_in_thread, fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_autoptr(QemuBinary) binary = g_thread_join(threads[i]);
        assert_non_null(binary);
    }
    assert_int_equal(count_runs(fixture), 1);
}

static void
versions_are_ordered(void **state)
{
    (void)state;
    const QemuVersion versions[] = {{7, 2, 0}, {7, 2, 22}, {8, 0, 5}, {8, 1, 0}, {10, 0, 2}};

    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(versions); j++)
            assert_int_equal(qemu_version_compare(&versions[i], &versions[j]), (i > j) - (i < j));
}

#define binary_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        binary_test(missing_file_is_missing),
        binary_test(folder_and_plain_file_are_not_executable),
        binary_test(executable_text_that_exec_refuses_is_not_executable),
        binary_test(missing_interpreter_is_not_executable),
        binary_test(program_that_ends_at_once_is_not_qemu),
        binary_test(last_words_are_shown),
        binary_test(signal_that_ended_it_is_named),
        binary_test(printing_without_end_is_stopped),
        binary_test(garbage_on_the_monitor_is_not_qemu),
        binary_test(qmp_of_another_program_is_not_qemu),
        binary_test(silent_program_times_out_and_is_gone),
        binary_test(cancelled_probe_says_so),
        binary_test(wrapper_without_exec_is_refused_and_leaves_nothing),
        binary_test(answers_are_understood),
        binary_test(second_question_does_not_run_it_again),
        binary_test(file_answers_for_another_engine),
        binary_test(replaced_file_is_asked_again),
        binary_test(replaced_program_behind_a_wrapper_is_asked_again),
        binary_test(failure_is_not_remembered),
        binary_test(torn_or_foreign_cache_file_is_not_believed),
        binary_test(json_comes_back_whole),
        binary_test(simultaneous_questions_share_one_probe),
        cmocka_unit_test(versions_are_ordered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
