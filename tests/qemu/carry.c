/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "carry.h"
#include "harness.h"

#define FIRST_NUMBER 10 /* of a descriptor that a guest is started with */
#define ADOPT_LOOK_US 10000
#define ADOPT_LOOKS 3000

/* A guest borrows its specification for as long as it is there: to the end of the program. */
static GSList *kept;

static HarnessSpec *
make_spec(const HarnessSpec *base, const char *prefix, const char *format, va_list arguments)
{
    HarnessSpec *spec = g_memdup2(base, sizeof(*base));
    g_autofree char *more = g_strdup_vprintf(format, arguments);

    kept = g_slist_prepend(kept, spec);
    spec->arguments = g_strconcat(prefix, more, NULL);
    if (spec->kernel && strstr(more, "-device virtio-net"))
        spec->append = g_strconcat(spec->append, " moult.ip=10.0.2.15/24", NULL);
    return spec;
}

HarnessSpec *
carry_spec(const char *format, ...)
{
    static const HarnessSpec base = {
        .kernel = "cloud", .machine = "pc-q35-7.2", .ram_mib = 256, .append = "moult.disk=/dev/vda"};
    HarnessSpec *spec;
    va_list arguments;

    va_start(arguments, format);
    spec = make_spec(&base, CARRY_DISK, format, arguments);
    va_end(arguments);
    return spec;
}

const HarnessSpec *
carry_spec_tiny(const char *format, ...)
{
    const HarnessSpec *spec;
    va_list arguments;

    va_start(arguments, format);
    spec = make_spec(&harness_tiny, "", format, arguments);
    va_end(arguments);
    return spec;
}

pid_t
carry_start_with(HarnessGuest *guest, HarnessBuild build, const int *fds, int n_fds)
{
    g_auto(GStrv) argv = harness_guest_make_argv(guest, harness_build(build));
    g_auto(GStrv) environment =
        g_environ_setenv(g_get_environ(), "MOULT_RUNTIME_DIR", guest->engine->runtime, TRUE); /* the janitor's mark */
    g_autofree int *theirs = g_new0(int, (gsize)n_fds);
    g_autoptr(GError) error = NULL;
    GPid pid = 0;

    for (int i = 0; i < n_fds; i++)
        theirs[i] = FIRST_NUMBER + i;
    if (!g_spawn_async_with_pipes_and_fds(NULL, (const char *const *)argv, (const char *const *)environment,
                                          G_SPAWN_DEFAULT, NULL, NULL, -1, -1, -1, fds, theirs, (gsize)n_fds, &pid, NULL,
                                          NULL, NULL, &error))
        fail_msg("%s", error->message);
    for (int i = 0; i < n_fds; i++)
        close(fds[i]);
    return pid;
}

/* QEMU's socket is there before it listens, and it listens before it is ready to answer, for which the engine gives it 2 s. */
static void
await_monitor(const HarnessGuest *guest, const char *socket)
{
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(QmpClient) client = NULL;
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < ADOPT_LOOKS && !client; i++) {
        client = qmp_client_connect(socket, guest->name, NULL);
        if (!client)
            g_usleep(ADOPT_LOOK_US);
    }
    if (!client || !qmp_client_wait_ready(client, &wait, &error))
        fail_msg("%s: %s", socket, error ? error->message : "nobody listens");
}

void
carry_adopt(HarnessGuest *guest, pid_t pid)
{
    g_autofree char *number = g_strdup_printf("%d", pid), *socket = carry_path(guest, "qmp.sock");

    await_monitor(guest, socket);
    g_autoptr(HarnessReply) reply = moult(guest->engine, "adopt", guest->name, "--pid", number, "--json", NULL);
    assert_status(reply, EXIT_DONE);
    harness_guest_await(guest);
}

char *
carry_make_raw(const HarnessEngine *engine, const char *name)
{
    char *path = g_build_filename(engine->folder, name, NULL);
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && ftruncate(fd, 64 << 20) == 0);
    close(fd);
    return path;
}

char *
carry_path(const HarnessGuest *guest, const char *name)
{
    return g_build_filename(guest->engine->folder, name, NULL);
}

void
carry_roll_back(HarnessGuest *guest)
{
    carry_roll_back_from(guest, BUILD_SECOND);
}

void
carry_roll_back_from(HarnessGuest *guest, HarnessBuild build)
{
    /* A feature that the guest's driver uses is missing: virtio_load() refuses. */
    const char *refusing =
        harness_script(guest->engine, "refuses", "exec %s \"$@\" -global virtio-blk-pci.event_idx=off\n", harness_build(build));
    g_autoptr(HarnessReply) reply =
        moult(guest->engine, "upgrade", guest->name, "--to", refusing, "--json", NULL);

    assert_outcome(reply, EXIT_FAILED, "rolled-back", "migration-failed", NULL);
    harness_guest_check_untouched(guest);
}

void
carry_expect_rows(HarnessGuest *guest, const char *rows)
{
    g_autoptr(HarnessReply) check =
        moult(guest->engine, "check", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_rows(check, rows);
}

void
carry_expect_refusal(HarnessGuest *guest, const char *code)
{
    const char *build = harness_build(BUILD_SECOND);
    g_autoptr(HarnessReply) check = moult(guest->engine, "check", guest->name, "--to", build, NULL);
    g_autoptr(HarnessReply) reply =
        moult(guest->engine, "upgrade", guest->name, "--to", build, "--json", NULL);
    g_autofree char *row = g_strdup_printf("BLOCK  %s", code);

    assert_outcome(reply, EXIT_REFUSED, "refused", code, NULL);
    assert_int_equal(check->status, EXIT_REFUSED);
    if (!strstr(check->text, row))
        fail_msg("“%s” is not in: %s", row, check->text);
    harness_guest_check_untouched(guest);
}

void
carry_expect_refused(const HarnessSpec *spec, const char *code)
{
    HarnessEngine *engine = harness_engine_new(NULL);

    carry_expect_refusal(harness_guest_run(engine, "guest", BUILD_INSTALLED, spec), code);
    harness_engine_finish(engine);
}
