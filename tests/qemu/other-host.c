/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host that is another than this one seems to be: other files are mounted over those that tell, in a mount namespace of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "carry.h"
#include "gate.h"
#include "network.h"
#include "processes.h"
#include "talk.h"

#define TWO_ADDRESSES "twice.example"

/* TEXT is what is read at PATH from now on. */
static void
cover(const HarnessEngine *engine, const char *path, const char *text)
{
    g_autofree char *cover = g_build_filename(engine->folder, "cover", NULL);

    assert_true(g_file_set_contents(cover, text, -1, NULL));
    if (mount(cover, path, NULL, MS_BIND, NULL) < 0)
        fail_msg("%s: %s", path, strerror(errno));
}

static void
uncover(const char *path)
{
    assert_int_equal(umount2(path, MNT_DETACH), 0);
}

/* The new QEMU is to have them, too: limits, priorities, control groups. */
static void
attributes_cannot_be_read(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    g_autofree char *path = g_strdup_printf("/proc/%d/limits", guest->pid);

    cover(engine, path, "none\n");
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "process-attributes", "no proper limits");
    uncover(path);
    harness_guest_check_untouched(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* That the new QEMU has the guest's own memory is not to be taken on trust. */
static void
mappings_cannot_be_read(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &harness_tiny);
    g_autoptr(Gate) gate = gate_new(engine, BUILD_SECOND);
    Program *program = moult_start(engine, "upgrade", "guest", "--to", gate->script, "--json", NULL);

    gate_await(gate);
    g_autofree char *path = g_strdup_printf("/proc/%d/maps", processes_find_beside(engine->folder, guest->pid)); /* of the shell, which becomes QEMU */
    cover(engine, path, "of no form\n");
    gate_open(gate);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "ram-maps", "a line of an unknown form");
    harness_guest_check_rolled_back(guest, BUILD_SECOND); /* what was mounted went with the process */
    harness_engine_finish(engine);
}

/* QEMU listens at all of a name's addresses, and a new one is given one socket. */
static void
name_has_two_addresses(void **state)
{
    (void)state;
    network_enter();
    network_bring_up("lo");
    HarnessEngine *engine = harness_engine_new(NULL);
    guint16 port = talk_free_port(SOCK_STREAM);

    cover(engine, "/etc/hosts", "127.0.0.1 " TWO_ADDRESSES "\n::1 " TWO_ADDRESSES "\n");
    HarnessGuest *guest = harness_guest_run(
        engine, "guest", BUILD_INSTALLED,
        carry_spec_tiny("-chardev socket,id=c0,host=" TWO_ADDRESSES ",port=%u,server=on,wait=off -device isa-serial,chardev=c0", port));
    if (!talk_can_connect_tcp(AF_INET6, port)) {
        print_message("there is no IPv6 here\n");
        harness_engine_finish(engine);
        skip();
    }
    assert_true(talk_can_connect_tcp(AF_INET, port));
    carry_expect_rows(guest, "OK chardev-handed,WARN chardev-listener-second");
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_true(talk_can_connect_tcp(AF_INET, port));
    assert_false(talk_can_connect_tcp(AF_INET6, port)); /* as it was told */
    harness_engine_finish(engine);
}

/* Pages of such memory are a device's, and QEMU takes any file for it. */
static void
make_devices(const HarnessEngine *engine)
{
    static const char *const kept[] = {"null", "zero", "full", "random", "urandom"};
    g_autofree char *folder = g_build_filename(engine->folder, "dev", NULL), *shm = g_build_filename(folder, "shm", NULL);
    g_autofree char *enclaves = g_build_filename(folder, "sgx_vepc", NULL);

    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(mount("tmpfs", folder, "tmpfs", 0, NULL) | mkdir(shm, 0755), 0);
    assert_int_equal(mount("/dev/shm", shm, NULL, MS_BIND, NULL), 0); /* where the engine's folder may be */
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *from = g_build_filename("/dev", kept[i], NULL), *to = g_build_filename(folder, kept[i], NULL);
        assert_true(g_file_set_contents(to, "", 0, NULL));
        assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
    }
    assert_true(g_file_set_contents(enclaves, "", 0, NULL));
    assert_int_equal(truncate(enclaves, 16 << 20), 0);
    assert_int_equal(mount(folder, "/dev", NULL, MS_BIND | MS_REC, NULL), 0);
}

static void
forget_devices(const HarnessEngine *engine)
{
    g_autofree char *folder = g_build_filename(engine->folder, "dev", NULL);

    assert_int_equal(umount2("/dev", MNT_DETACH), 0);
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

static void
processor_has_enclaves(void **state)
{
    (void)state;
    network_enter();
    HarnessEngine *engine = harness_engine_prepare();

    make_devices(engine);
    harness_engine_start(engine, NULL);
    HarnessGuest *guest =
        harness_guest_run(engine, "guest", BUILD_INSTALLED, carry_spec_tiny("-object memory-backend-epc,id=e0,size=16M"));
    carry_expect_refusal(guest, "memory-epc");
    forget_devices(engine);
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(attributes_cannot_be_read),
        HARNESS_TEST(mappings_cannot_be_read),
        HARNESS_TEST(name_has_two_addresses),
        HARNESS_TEST(processor_has_enclaves),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
