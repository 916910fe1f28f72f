/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks that are reached over a network, by drivers that distributions pack for themselves: the second build has none of them, and has them
 * as contrib/fetch/qemu-block's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "carry.h"
#include "disk-servers.h"
#include "files.h"
#include "network.h"
#include "range-server.h"

static bool
has_driver(HarnessBuild build, const char *driver)
{
    g_autofree char *drive = g_strdup_printf("if=none,file.driver=%s", driver), *words = NULL;
    const char *const argv[] = {harness_build(build), "-machine", "none", "-display", "none", "-drive", drive, NULL};
    g_autoptr(GError) error = NULL;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &words, NULL, &error))
        fail_msg("%s: %s", argv[0], error->message);
    return !strstr(words, "Unknown driver");
}

/* An engine for a guest with a disk by DRIVER. */
static HarnessEngine *
start_engine(const char *driver)
{
    if (!has_driver(BUILD_INSTALLED, driver))
        harness_skip("the installed build has no drivers of network disks: qemu-block-extra is not installed");
    /* Meson's; of a guest with such a variable it is not told which drivers there are, for its modules may be others. */
    g_unsetenv("LD_LIBRARY_PATH");
    return harness_engine_new(NULL);
}

/* To the second build as it is with the drivers of network disks. */
static void
upgrade_to_second(HarnessGuest *guest)
{
    g_autofree char *build = files_find_cached("qemu-block");

    if (!build)
        harness_skip("the second build has no drivers of network disks; contrib/fetch/qemu-block gets them");
    g_autoptr(HarnessReply) check = moult(guest->engine, "check", guest->name, "--to", build, "--json", NULL);
    assert_rows(check, "OK disk-driver");
    g_autoptr(HarnessReply) reply = moult(guest->engine, "upgrade", guest->name, "--to", build, "--json", NULL);
    harness_guest_take_upgrade(guest, reply, BUILD_SECOND);
    harness_guest_check(guest);
}

/* ---- HTTP ---- */

/* Each time a part that no QEMU has read ahead: what is read is printed, not answered, but the server is asked for it. */
static void
expect_readable(HarnessGuest *guest)
{
    static unsigned n_read;
    guint n_before = range_server_count();
    g_autofree char *line = g_strdup_printf("{\"command-line\":\"qemu-io web \\\"read %u 65536\\\"\"}", ++n_read << 20);

    harness_guest_qmp_with(guest, "human-monitor-command", line);
    assert_true(range_server_count() > n_before);
}

static void
disk_behind_http_goes_on_where_there_is_a_driver(void **state)
{
    (void)state;
    HarnessEngine *engine = start_engine("http");
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED,
                          carry_spec_tiny("-drive if=none,id=web,format=raw,readonly=on,file=http://127.0.0.1:%u/disk" CARRY_DEVICE("web"),
                                          range_server_start()));

    expect_readable(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_readable(guest);
    if (!has_driver(BUILD_SECOND, "http"))
        carry_expect_refusal(guest, "disk-driver");
    expect_readable(guest);
    upgrade_to_second(guest);
    expect_readable(guest);
    harness_engine_finish(engine);
}

/* ---- Disks that are written to ---- */

static HarnessGuest *
run_on(HarnessEngine *engine, const DiskServer *server)
{
    static HarnessSpec spec = {
        .kernel = "cloud",
        .machine = "pc-q35-7.2",
        .ram_mib = 256,
        .append = "moult.load=5 moult.disk_mib=4 moult.disk_pause_ms=50 moult.disk=/dev/vda",
    };

    spec.arguments = g_strconcat("-drive if=none,id=d1,format=raw,", server->drive, CARRY_DEVICE("d1"), NULL);
    return harness_guest_run(engine, "guest", BUILD_INSTALLED, &spec);
}

/* Every block is in the file behind SERVER; locks of its own it has none. */
static void
check_disk(HarnessGuest *guest, const DiskServer *server)
{
    guest->disk = server->image;
    harness_guest_check_disk(guest);
    guest->disk = NULL;
}

static void
expect_disk_goes_on(HarnessGuest *guest, const DiskServer *server, const char *driver)
{
    carry_roll_back_from(guest, BUILD_INSTALLED);
    check_disk(guest, server);
    if (!has_driver(BUILD_SECOND, driver))
        carry_expect_refusal(guest, "disk-driver");
    upgrade_to_second(guest);
    check_disk(guest, server);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    check_disk(guest, server);
    assert_true(program_is_running(server->program));
}

/* Both QEMUs are logged in for a while. */
static void
disk_of_iscsi_goes_on(void **state)
{
    (void)state;
    HarnessEngine *engine = start_engine("iscsi");
    g_autoptr(DiskServer) server = disk_server_start_iscsi(engine);

    expect_disk_goes_on(run_on(engine, server), server, "iscsi");
    harness_engine_finish(engine);
}

/* The agent with the key is one that only the guest's own environment names. */
static void
disk_behind_ssh_goes_on(void **state)
{
    (void)state;
    HarnessEngine *engine = start_engine("ssh");
    g_autoptr(DiskServer) server = disk_server_start_ssh(engine);
    HarnessGuest *guest = run_on(engine, server);

    g_unsetenv("SSH_AUTH_SOCK");
    expect_disk_goes_on(guest, server, "ssh");
    harness_engine_finish(engine);
}

/* As somebody in the middle, or a server that was installed anew: the new QEMU ends at its start, and the old one stays connected. */
static void
ssh_server_of_another_key_is_not_trusted(void **state)
{
    (void)state;
    HarnessEngine *engine = start_engine("ssh");
    g_autoptr(DiskServer) server = disk_server_start_ssh(engine);
    HarnessGuest *guest = run_on(engine, server);

    disk_server_change_key(server, engine);
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", guest->name, "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", "does not match host_key_check");
    harness_guest_check_untouched(guest);
    check_disk(guest, server);
    harness_engine_finish(engine);
}

static void
disk_of_nfs_goes_on(void **state)
{
    (void)state;
    network_enter();
    network_bring_up("lo");
    HarnessEngine *engine = start_engine("nfs");
    g_autoptr(DiskServer) server = disk_server_start_nfs(engine);

    expect_disk_goes_on(run_on(engine, server), server, "nfs");
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(disk_behind_http_goes_on_where_there_is_a_driver),
        HARNESS_TEST(disk_of_iscsi_goes_on),
        HARNESS_TEST(disk_behind_ssh_goes_on),
        HARNESS_TEST(ssh_server_of_another_key_is_not_trusted),
        HARNESS_TEST(disk_of_nfs_goes_on),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
