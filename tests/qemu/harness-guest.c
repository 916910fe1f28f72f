/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests: what they are made of, and getting them to run. What is looked at afterwards: harness-check.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "harness-private.h"
#include "qmp/commands.h"
#include "vm.h"

#define DISK_BYTES (64 << 20)
#define POLL_US 10000

const HarnessSpec harness_tiny = {.machine = "pc-q35-7.2", .ram_mib = 16};

const HarnessSpec harness_linux = {
    .kernel = "cloud",
    .machine = "pc-q35-7.2",
    .vcpus = 2,
    .ram_mib = 256,
    .arguments = "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0 "
                 "-netdev user,id=net0 -device virtio-net-pci,netdev=net0 -device virtio-rng-pci "
                 "-device virtio-serial-pci -chardev null,id=port0 -device virtserialport,chardev=port0",
    .append = "moult.disk=/dev/vda moult.ip=10.0.2.15/24",
};

static Files *files[2];

const Files *
harness_find_files(const char *flavour, GError **error)
{
    Files **found = &files[g_str_equal(flavour, "full")];

    if (!*found)
        *found = files_find(flavour, error);
    return *found;
}

const char *
harness_tiny_image(void)
{
    return harness_find_files("cloud", NULL)->tiny;
}

static const Files *
need_files(const char *flavour)
{
    g_autoptr(GError) error = NULL;
    const Files *found = harness_find_files(flavour, &error);

    if (!found && g_error_matches(error, FILES_ERROR, FILES_ERROR_MISSING))
        harness_skip(error->message);
    if (!found)
        fail_msg("%s", error->message);
    return found;
}

/* ---- Its arguments ---- */

static void
make_raw(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && ftruncate(fd, DISK_BYTES) == 0);
    close(fd);
}

static void
make_qcow2(const char *path)
{
    const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", path, "64M", NULL};
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error))
        fail_msg("%s", error->message);
    assert_int_equal(status, 0);
}

/* "@disk0.raw@": the path of an image, made when it is not there yet. */
static char *
expand(HarnessGuest *guest, const char *name)
{
    if (g_str_equal(name, "folder"))
        return g_strdup(guest->engine->folder);
    char *path = g_strdup_printf("%s/%s-%s", guest->engine->folder, guest->name, name);
    if (!guest->disk && g_str_has_suffix(name, ".raw"))
        guest->disk = g_strdup(path);
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return path;
    if (g_str_has_suffix(name, ".raw"))
        make_raw(path);
    else if (g_str_has_suffix(name, ".qcow2"))
        make_qcow2(path);
    return path;
}

static char *
expand_all(HarnessGuest *guest, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);
    GString *expanded = g_string_new(NULL);

    for (size_t i = 0; parts[i]; i++) {
        g_autofree char *part = i % 2 ? expand(guest, parts[i]) : g_strdup(parts[i]);
        g_string_append(expanded, part);
    }
    return g_string_free(expanded, FALSE);
}

static void
add(GPtrArray *argv, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(argv, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* The image is where the build is, and a user may not come there. */
static char *
dup_boot_image(const HarnessGuest *guest, const char *image)
{
    g_autofree char *text = NULL, *copy = g_strdup_printf("%s/%s.boot", guest->engine->folder, guest->name);
    gsize length = 0;

    if (!guest->spec->user)
        return g_strdup(image);
    assert_true(g_file_get_contents(image, &text, &length, NULL));
    assert_true(g_file_set_contents_full(copy, text, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
    return g_steal_pointer(&copy);
}

static void
add_software(HarnessGuest *guest, GPtrArray *argv)
{
    const HarnessSpec *spec = guest->spec;

    if (!spec->kernel) {
        vm_arguments_add(argv, "-device", "virtio-blk-pci,drive=boot", "-drive", NULL);
        g_autofree char *image = dup_boot_image(guest, need_files("cloud")->tiny);
        add(argv, "if=none,id=boot,format=raw,readonly=on,file=%s", image);
        return;
    }
    const Files *found = need_files(spec->kernel);
    vm_arguments_add(argv, "-kernel", found->kernel, "-initrd", found->initramfs, "-append", NULL);
    add(argv, "console=ttyS0 quiet no_timer_check moult.mem=8 moult.load=25 moult.disk=none %s", spec->append ? spec->append : "");
}

char *
harness_guest_dup_serial_path(const HarnessGuest *guest)
{
    return g_strdup_printf("%s/%s.serial", guest->engine->folder, guest->name);
}

/* QEMU appends to it as the guest's user, who may not make files in the engine's folder. */
static void
make_serial_file(const HarnessGuest *guest, const char *path)
{
    const struct passwd *user = guest->spec->user ? getpwnam(guest->spec->user) : NULL;
    int fd = user ? open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;

    if (!user)
        return;
    assert_int_equal(fchown(fd, user->pw_uid, user->pw_gid), 0);
    close(fd);
}

char **
harness_guest_make_argv(HarnessGuest *guest, const char *qemu)
{
    const HarnessSpec *spec = guest->spec;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *serial = harness_guest_dup_serial_path(guest);

    make_serial_file(guest, serial);
    vm_arguments_add(argv, qemu, "-accel", "tcg", "-display", "none", NULL);
    if (!spec->has_defaults)
        vm_arguments_add(argv, "-nodefaults", NULL);
    if (spec->machine)
        vm_arguments_add(argv, "-machine", spec->machine, NULL);
    vm_arguments_add(argv, "-chardev", NULL);
    add(argv, "file,id=serial0,path=%s,append=on", serial);
    vm_arguments_add(argv, "-serial", "chardev:serial0", "-m", NULL);
    add(argv, "%uM", spec->ram_mib);
    if (spec->vcpus) {
        vm_arguments_add(argv, "-smp", NULL);
        add(argv, "%u", spec->vcpus);
    }
    add_software(guest, argv);
    if (spec->arguments) {
        g_autofree char *text = expand_all(guest, spec->arguments);
        g_auto(GStrv) more = g_strsplit(text, " ", -1);
        for (char **argument = more; *argument; argument++)
            g_ptr_array_add(argv, g_strdup(*argument));
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&argv), FALSE);
}

/* ---- Its life ---- */

HarnessGuest *
harness_guest_new(HarnessEngine *engine, const char *name, const HarnessSpec *spec)
{
    HarnessGuest *guest = g_new0(HarnessGuest, 1);

    guest->engine = engine;
    guest->spec = spec;
    guest->name = g_strdup(name);
    g_ptr_array_add(engine->guests, guest);
    return guest;
}

void
harness_guest_free(gpointer data)
{
    HarnessGuest *guest = data;

    sampler_free(guest->sampler);
    g_free(guest->name);
    g_free(guest->disk);
    g_free(guest);
}

static void
show_and_fail(const HarnessGuest *guest, const GError *error)
{
    g_autofree char *log = g_strdup_printf("%s/guests/%s/qemu.log", guest->engine->runtime, guest->name);
    g_autofree char *words = NULL;

    g_file_get_contents(log, &words, NULL, NULL);
    fail_msg("%s: %s: %s", guest->name, error->message, words ? words : "");
}

void
harness_guest_await(HarnessGuest *guest)
{
    g_autoptr(GError) error = NULL;

    harness_guest_look_up(guest);
    sampler_free(guest->sampler);
    guest->sampler = sampler_open_ready(guest->pid, HARNESS_READY_MS, &error);
    if (!guest->sampler)
        show_and_fail(guest, error);
    assert_true(sampler_read(guest->sampler, &guest->seen));
    harness_guest_check(guest);
}

void
harness_guest_await_moved(HarnessGuest *guest)
{
    uint64_t nonce = guest->seen.nonce;

    harness_guest_await(guest);
    assert_true(guest->seen.nonce == nonce);
}

/* ARGS so far, and what is behind "--". */
static HarnessReply *
launch(HarnessGuest *guest, const char *qemu, GPtrArray *args)
{
    g_auto(GStrv) argv = harness_guest_make_argv(guest, qemu);

    vm_arguments_add(args, "--", NULL);
    for (char **argument = argv; *argument; argument++)
        g_ptr_array_add(args, g_strdup(*argument));
    g_ptr_array_add(args, NULL);
    return moult_v(guest->engine, (const char *const *)args->pdata);
}

HarnessReply *
harness_guest_launch(HarnessGuest *guest, const char *qemu, const char *verb, ...)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
    const char *option;
    va_list list;

    vm_arguments_add(args, verb, guest->name, NULL);
    va_start(list, verb);
    while ((option = va_arg(list, const char *)))
        g_ptr_array_add(args, g_strdup(option));
    va_end(list);
    return launch(guest, qemu, args);
}

HarnessGuest *
harness_guest_run(HarnessEngine *engine, const char *name, HarnessBuild build, const HarnessSpec *spec)
{
    HarnessGuest *guest = harness_guest_new(engine, name, spec);
    g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);

    vm_arguments_add(args, "run", name, "--json", NULL);
    if (spec->hugepages)
        add(args, *spec->hugepages ? "--hugepages=%s" : "--hugepages%s", spec->hugepages);
    if (spec->user)
        vm_arguments_add(args, "--user", spec->user, NULL);
    g_autoptr(HarnessReply) reply = launch(guest, harness_build(build), args);
    assert_status(reply, EXIT_DONE);
    harness_guest_await(guest);
    return guest;
}

void
harness_guest_finish(HarnessGuest *guest)
{
    g_autoptr(HarnessReply) reply = moult(guest->engine, "stop", guest->name, "--force", "--json", NULL);

    /* Refused: it has ended in the course of the test, or was never started. */
    assert_true(reply->status == EXIT_DONE || reply->status == EXIT_REFUSED);
}

static QmpClient *
connect_operator(const HarnessGuest *guest, const QmpWait *wait, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s/operator.sock", guest->engine->runtime, guest->name);
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, error);

    return client && qmp_client_wait_ready(client, wait, error) ? g_steal_pointer(&client) : NULL;
}

void
harness_guest_await_status(HarnessGuest *guest, const char *wanted)
{
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(QmpClient) client = connect_operator(guest, &wait, &error);
    QmpStatus status = {0};
    bool is_so = false;

    while (client && !is_so && qmp_query_status(client, &wait, &status, &error)) {
        is_so = g_str_equal(status.status, wanted);
        qmp_status_clear(&status);
        g_usleep(10000);
    }
    if (!is_so)
        fail_msg("%s: not %s: %s", guest->name, wanted, error->message);
}

void
harness_guest_qmp(HarnessGuest *guest, const char *command)
{
    harness_guest_qmp_with(guest, command, NULL);
}

void
harness_guest_qmp_with(HarnessGuest *guest, const char *command, const char *arguments)
{
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(QmpClient) client = connect_operator(guest, &wait, &error);

    if (!client ||
        !qmp_client_call(client, command, arguments ? json_tokener_parse(arguments) : NULL, &wait, NULL, &error))
        fail_msg("%s: %s: %s", guest->name, command, error->message);
}

void
harness_guest_power_off(HarnessGuest *guest)
{
    g_autoptr(GError) error = NULL;

    if (!sampler_command(guest->sampler, GUEST_COMMAND_POWER_OFF, 0, HARNESS_STEP_MS, &error))
        fail_msg("%s: %s", guest->name, error->message);
    harness_guest_await_gone(guest);
}

/* Waits until its state is one of two; NULL: it is not listed. */
static void
await_state(HarnessGuest *guest, const char *wanted, const char *or)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;

    for (;;) {
        g_autofree char *state = harness_guest_dup_state(guest);
        if (g_strcmp0(state, wanted) == 0 || g_strcmp0(state, or) == 0)
            return;
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("%s remains %s", guest->name, state ? state : "unknown");
        g_usleep(POLL_US);
    }
}

void
harness_guest_await_listed(HarnessGuest *guest)
{
    await_state(guest, "running", "paused");
}

void
harness_guest_await_gone(HarnessGuest *guest)
{
    await_state(guest, NULL, "shut-off");
}
